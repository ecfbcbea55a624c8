"""Lists and the worker use the kept totals: far pages show the rows that walking there would show."""

from __future__ import annotations

import itertools
import random
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from tests.support import payments
from tests.support.counting import counted_statements
from tests.support.people import Cast
from webapp.accounts import queries as account_queries
from webapp.accounts import service as accounts
from webapp.banking.gateway import TransactionType
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.transactions import placing, queries
from webapp.transactions.filtering import Filter
from webapp.transactions.lifecycle import Status
from webapp.transactions.totals import keeping
from webapp.transactions.totals.models import TransactionTotalChange
from webapp.transactions.worker import Worker

KINDS = (TransactionType.TRANSACTION, TransactionType.COMMISSION)


@pytest.fixture
def years_of_payments(app: Flask, cast: Cast) -> None:
    """Sixty payments of two kinds over two years, several on some days, of which a third is in review."""
    dice = random.Random(3)
    for number in range(60):
        transaction = payments.logged(cast.cashier, transaction_type=dice.choice(KINDS))
        day = date(2025, 1, 1) + timedelta(days=dice.randint(0, 90) * 8)
        db.session.execute(
            text("UPDATE transactions SET created_at = :at, status = :status WHERE id = :id"),
            {
                "at": clock.start_of_day(day) + timedelta(minutes=dice.randint(0, 1439)),
                "status": dice.choice(["TO_REVIEW", "IN_PROGRESS", "IN_PROGRESS"]),
                "id": transaction.id,
            },
        )
        db.session.commit()
        if number == 40:
            keeping.fold()


WANTED = (
    Filter(),
    Filter(status=Status.TO_REVIEW),
    Filter(transaction_type=TransactionType.COMMISSION),
    Filter(status=Status.IN_PROGRESS, transaction_type=TransactionType.TRANSACTION),
    Filter(from_date=date(2025, 3, 5), to_date=date(2026, 2, 10)),
    Filter(status=Status.TO_REVIEW, to_date=date(2026, 1, 1)),
    Filter(status=Status.TO_REVIEW, transaction_type=TransactionType.COMMISSION),
)


@pytest.mark.usefixtures("years_of_payments")
def test_every_page_shows_the_rows_that_walking_there_shows(
    monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
):
    monkeypatch.setattr(placing, "FEW", 0)
    walked_to = [queries.offset_page(wanted, offset=0, size=100) for wanted in WANTED]
    monkeypatch.setattr(placing, "PASSED", -1)
    monkeypatch.setattr(placing, "WALKED", -1)
    for (wanted, walked), few in itertools.product(zip(WANTED, walked_to, strict=True), (0, 1_000)):
        with subtests.test(wanted=wanted, few=few):
            monkeypatch.setattr(placing, "FEW", few)
            for offset in range(walked.total + 3):
                page = queries.offset_page(wanted, offset=offset, size=7)
                assert page.items == walked.items[offset : offset + 7]
                assert page.total == walked.total == len(walked.items)


@pytest.mark.usefixtures("years_of_payments")
def test_cursors_through_a_thin_list_skip_nothing(
    monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
):
    monkeypatch.setattr(placing, "PASSED", -1)
    spans = ((None, None), (date(2025, 3, 5), date(2026, 2, 10)))
    for days, size in itertools.product(spans, (1, 4, 100)):
        wanted = Filter(
            status=Status.TO_REVIEW,
            transaction_type=TransactionType.COMMISSION,
            from_date=days[0],
            to_date=days[1],
        )
        with subtests.test(days=days, size=size):
            whole = queries.offset_page(wanted, offset=0, size=100).items
            found, place, more = [], None, True
            while more:
                items, more = queries.rows_after(wanted, place, size=size)
                found += items
                place = queries.place_of(items[-1])
            assert found == whole


def test_a_list_can_be_narrowed_to_who_logged_it(app: Flask, cast: Cast):
    own = payments.logged(cast.cashier)
    payments.logged(cast.other_cashier)
    wanted = Filter(created_by=cast.cashier.id)
    for _fold in range(2):
        page = queries.page(wanted, number=1, size=10)
        assert ([row.id for row in page.items], page.total) == ([own.id], 1)
        people = [name for _, name in queries.people_who_log()]
        assert people == sorted([cast.cashier.full_name, cast.other_cashier.full_name])
        keeping.fold()


def test_the_last_digits_of_a_reference_find_it_from_four_on(app: Flask, cast: Cast):
    payment = payments.logged(cast.cashier, reference="100004711")
    payments.logged(cast.cashier, reference="471100000")

    def found(typed: str) -> list[str]:
        return [row.reference for row in queries.page(Filter(q=typed), number=1, size=9).items]

    for typed in ("4711", "04711", "100004711", " 4711 "):
        assert found(typed) == [payment.reference]
    for typed in ("711", "47110", "%4711", "4711-"):
        assert found(typed) == []


@pytest.mark.usefixtures("years_of_payments")
def test_the_worker_folds_what_changed(app: Flask):
    waiting = select(func.count()).select_from(TransactionTotalChange)
    assert db.session.scalar(waiting)
    before = queries.count(Filter(status=Status.TO_REVIEW))
    worker = Worker(app=app, bank=app.extensions["bank"], sender=app.extensions["webhooks"])
    assert worker._fold_totals() is False, "less than a whole batch was left"
    db.session.rollback()
    assert db.session.scalar(waiting) == 0
    assert queries.count(Filter(status=Status.TO_REVIEW)) == before


def test_a_text_with_digits_finds_references_and_ids_and_no_names(app: Flask, cast: Cast):
    by_reference = payments.logged(cast.cashier, full_name="Rosa Villegas")
    by_id = payments.logged(cast.cashier, transaction_id="HIS-77", full_name="Rosa Villegas")
    payments.logged(cast.cashier, full_name="Ana Rojas")
    found = [
        [row.id for row in queries.page(Filter(q=typed), number=1, size=10).items]
        for typed in (by_reference.reference, "HIS-77", "rosa 77")
    ]
    assert found == [[by_reference.id], [by_id.id], []]


def test_a_sign_in_is_checked_by_one_statement(app: Flask, cast: Cast):
    user = account_queries.find_user(cast.supervisor.id)
    opened = accounts.open_session(user=user, lifetime=timedelta(hours=1))
    with counted_statements() as statements:
        found = account_queries.open_session(opened.session.id)
    assert found is not None and found.actor == cast.supervisor.actor
    assert len(statements) == 1
