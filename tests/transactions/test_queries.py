"""What lists find."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from tests.support import payments
from tests.support.bank import answer, movement
from tests.support.people import Cast
from webapp.banking.gateway import BankType, TransactionType
from webapp.kernel.database import db
from webapp.kernel.errors import NotFound
from webapp.transactions import bank_answers, queries, service
from webapp.transactions.filtering import Filter
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction

pytestmark = pytest.mark.usefixtures("app")


def found(**wanted) -> list[str]:
    return [t.customer_full_name for t in queries.page(Filter(**wanted), number=1, size=50).items]


@pytest.fixture
def three(cast: Cast) -> list[Transaction]:
    """Log three payments that differ in everything; Ana's is the oldest."""
    made = [
        payments.logged(
            cast.cashier, full_name="Ana Ñáñez", reference="000000001", transaction_id="FAC-1"
        ),
        payments.logged(
            cast.cashier,
            full_name="Bea D'Angelo",
            bank=BankType.BANESCO,
            phone="04240000000",
            national_id="E84000000",
        ),
        payments.logged(
            cast.cashier, full_name="Caro Pérez", transaction_type=TransactionType.COMMISSION
        ),
    ]
    instants = [
        datetime(2026, 11, 24, 3, 59, 59, tzinfo=UTC),  # still the 23rd in Caracas
        datetime(2026, 11, 24, 4, 0, tzinfo=UTC),
        datetime(2026, 11, 25, 3, 59, 59, tzinfo=UTC),  # still the 24th
    ]
    for payment, instant in zip(made, instants, strict=True):
        db.session.execute(
            update(Transaction).where(Transaction.id == payment.id).values(created_at=instant)
        )
    db.session.commit()
    return made


ANA, BEA, CARO = "Ana Ñáñez", "Bea D'Angelo", "Caro Pérez"


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, [CARO, BEA, ANA]),
        ({"q": "nanez"}, [ANA]),
        ({"q": "ÑÁ"}, [ANA]),
        ({"q": "ana nan"}, [ANA]),
        ({"q": "nan ana"}, [ANA]),
        ({"q": "d'ang"}, [BEA]),
        ({"q": "angelo"}, [BEA]),
        ({"q": "ngelo"}, []),
        ({"q": "000000001"}, [ANA]),
        ({"q": " FAC-1 "}, [ANA]),
        ({"q": "' & | ! :* ()"}, []),
        ({"q": "%"}, []),
        ({"bank": BankType.BANESCO}, [BEA]),
        ({"transaction_type": TransactionType.COMMISSION}, [CARO]),
        ({"status": Status.IN_PROGRESS}, [CARO, BEA, ANA]),
        ({"status": Status.COMPLETED}, []),
        ({"reference": "000000001"}, [ANA]),
        ({"phone": "04240000000"}, [BEA]),
        ({"national_id": "E84000000"}, [BEA]),
        ({"from_date": date(2026, 11, 24)}, [CARO, BEA]),
        ({"to_date": date(2026, 11, 23)}, [ANA]),
        ({"from_date": date(2026, 11, 24), "to_date": date(2026, 11, 24)}, [CARO, BEA]),
        ({"from_date": date(2026, 11, 25)}, []),
        ({"q": "ana", "bank": BankType.BANESCO}, []),
    ],
)
def test_a_filter_finds_what_it_names_newest_first(three, wanted, names):
    assert found(**wanted) == names
    assert queries.page(Filter(**wanted), number=1, size=1).total == len(names)


def test_a_search_with_very_many_words_is_still_a_search(three):
    assert found(q="ana " * 500) == [ANA]


def test_pages_follow_each_other_without_gaps(three):
    pages = [queries.page(Filter(), number=n, size=2) for n in (1, 2, 3)]
    assert [len(page.items) for page in pages] == [2, 1, 0]
    assert [(page.total, page.pages, page.number) for page in pages] == [
        (3, 2, 1),
        (3, 2, 2),
        (3, 2, 3),
    ]


def test_lists_leave_deleted_payments_out(three, cast: Cast):
    service.delete(actor=cast.supervisor.actor, row_id=three[0].id, reason="Error")
    assert found() == [CARO, BEA]
    assert queries.page(Filter(), number=1, size=10).total == 2


def test_a_payment_is_found_by_its_id_or_its_rows(three):
    ana = three[0]
    assert queries.find("FAC-1").id == queries.find(str(ana.id)).id == ana.id


@pytest.mark.parametrize(
    "key", ["", "FAC-2", "fac-1", "x" * 5000, "a\x00b", "١", str(uuid.UUID(int=0)), "%", "😀"]
)
def test_what_does_not_exist_is_not_found(three, key):
    with pytest.raises(NotFound):
        queries.find(key)


def test_the_queue_shows_the_longest_waiting_first_and_counts_them(cast: Cast):
    assert (queries.waiting_for_review(), queries.count_for_review()) == ([], 0)
    doubtful = [payments.logged(cast.cashier) for _ in range(3)]
    for payment in reversed(doubtful):
        bank_answers.record_answer(
            row_id=payment.id,
            version=1,
            answer=answer(movement(payment, amount=Decimal(1))),
            give_up_after=timedelta(hours=72),
        )
    waiting = [payment.id for payment, _ in queries.waiting_for_review()]
    assert waiting == [payment.id for payment in reversed(doubtful)]
    before = queries.waiting_for_review()
    bank_answers.record_answer(
        row_id=waiting[0],
        version=2,
        answer=answer(movement(doubtful[-1], amount=Decimal(1))),
        give_up_after=timedelta(hours=72),
    )
    # That somebody asked the bank again sends nobody to the end of the queue.
    assert [since for _, since in queries.waiting_for_review()] == [since for _, since in before]
    service.delete(actor=cast.supervisor.actor, row_id=waiting[0], reason="Error")
    assert queries.count_for_review() == len(queries.waiting_for_review()) == 2


def test_the_trail_comes_in_the_order_in_which_it_was_written(three, cast: Cast):
    service.delete(actor=cast.supervisor.actor, row_id=three[0].id, reason="Error")
    people = [event.actor.full_name for event in queries.events_of(three[0].id) if event.actor]
    assert people == [cast.cashier.full_name, cast.supervisor.full_name]
