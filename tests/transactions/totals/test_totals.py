"""Kept totals equal the payments at every moment, whatever people do at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from tests.support import payments
from tests.support.people import Cast, Person
from tests.support.threads import together
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import DomainError
from webapp.transactions import queries as lists
from webapp.transactions import service
from webapp.transactions.filtering import Filter
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.transactions.service import Verdict
from webapp.transactions.totals import derived, keeping, queries
from webapp.transactions.totals.spots import Spot, spot

NAMES = ("Rosa Villegas", "María Márquez Rosas", "Óscar D'Angelo", "Zoé Ríos", "Mario Mario")


def counted(**conditions: Any) -> tuple[int, Decimal]:
    """Count the payments and add up what arrived of them, row by row."""
    arrived = func.coalesce(Transaction.bank_amount, Transaction.amount)
    found = select(func.count(), func.coalesce(func.sum(arrived), 0))
    row = db.session.execute(
        found.where(Transaction.deleted_at.is_(None)).filter_by(**conditions)
    ).one()
    return row[0], Decimal(row[1])


def kept(**dimensions: Any) -> tuple[int, Decimal]:
    """Read the same from what is kept."""
    total = queries.total(dimensions)
    return total.payments, total.arrived


def move_to_day(transaction: Transaction, day: date) -> None:
    """Let a payment have been logged at noon of a day in Caracas."""
    db.session.execute(
        text("UPDATE transactions SET created_at = :moment WHERE id = :id"),
        {"moment": clock.start_of_day(day) + timedelta(hours=12), "id": transaction.id},
    )
    db.session.commit()


def test_a_payment_counts_from_the_commit_that_logs_it(app: Flask, cast: Cast):
    assert kept() == (0, Decimal(0))
    payments.logged(cast.cashier, amount=Decimal("10.00"))
    assert kept() == (1, Decimal("10.00"))
    assert kept(status=Status.IN_PROGRESS, created_by=cast.cashier.id)[0] == 1
    assert kept(status=Status.COMPLETED)[0] == 0


def test_what_is_rolled_back_was_never_counted(app: Flask, cast: Cast):
    transaction = payments.logged(cast.cashier)
    db.session.execute(
        text("UPDATE transactions SET status = 'COMPLETED' WHERE id = :id"), {"id": transaction.id}
    )
    assert kept(status=Status.COMPLETED)[0] == 1
    db.session.rollback()
    assert kept(status=Status.COMPLETED)[0] == 0


def test_folding_changes_no_total(app: Flask, cast: Cast):
    for _ in range(5):
        payments.logged(cast.cashier)
    before = kept()
    assert keeping.fold() == 5
    assert kept() == before
    assert keeping.fold() == 0


def test_days_months_and_years_add_up_to_any_span(app: Flask, cast: Cast):
    dice = random.Random(5)
    days = [date(2024, 1, 1) + timedelta(days=dice.randint(0, 900)) for _ in range(60)]
    for number, day in enumerate(days):
        move_to_day(payments.logged(cast.cashier), day)
        if number % 20 == 0:
            keeping.fold()
    for _ in range(25):
        first, last = sorted(dice.choices(days, k=2))
        found = queries.total({}, from_day=first, to_day=last).payments
        assert found == sum(first <= day <= last for day in days)


def test_the_day_of_a_row_far_down_the_list_is_found_without_walking_there(app: Flask, cast: Cast):
    dice = random.Random(8)
    days = sorted(
        (date(2024, 1, 1) + timedelta(days=dice.randint(0, 700)) for _ in range(50)), reverse=True
    )
    for day in dice.sample(days, len(days)):
        move_to_day(payments.logged(cast.cashier), day)
    keeping.fold()
    move_to_day(payments.logged(cast.cashier), days[0])  # one that is not folded yet
    days.insert(0, days[0])
    for offset, day in enumerate(days):
        newer = sum(other > day for other in days)
        assert spot({}, offset) == Spot(day, offset - newer)
        within = spot({}, 0, to_day=day)
        assert within == Spot(day, 0)
    assert spot({}, len(days)) is None


def random_action(cast: Cast, dice: random.Random) -> Callable[[], Any]:
    """Choose something that somebody could do to some payment."""
    people = [cast.cashier, cast.other_cashier, cast.supervisor, cast.other_supervisor, cast.admin]
    person, amount = dice.choice(people), Decimal(dice.randint(1, 99_999)) / 100
    pick = dice.random()

    def act() -> Any:
        rows = db.session.scalars(
            select(Transaction.id).where(Transaction.deleted_at.is_(None))
        ).all()
        db.session.rollback()
        if pick < 0.35 or not rows:
            return payments.logged(person, amount=amount, full_name=dice.choice(NAMES))
        return _change(person, rows[int(pick * 1_000) % len(rows)], pick, amount)

    return act


def _change(person: Person, row_id: Any, pick: float, amount: Decimal) -> Any:
    try:
        if pick < 0.55:
            name = NAMES[int(pick * 1_000) % len(NAMES)]
            details = payments.details(amount=amount, full_name=name)
            return service.correct(actor=person.actor, row_id=row_id, version=None, details=details)
        if pick < 0.75:
            db.session.execute(
                text(
                    "UPDATE transactions SET status = 'TO_REVIEW', bank_amount = :amount WHERE id = :id"
                ),
                {"amount": amount, "id": row_id},
            )
            db.session.commit()
            return None
        if pick < 0.85:
            verdict = Verdict.APPROVE if pick < 0.8 else Verdict.REJECT
            return service.decide(
                actor=person.actor, row_id=row_id, verdict=verdict, reason="Visto"
            )
        if pick < 0.92:
            return service.reopen(actor=person.actor, row_id=row_id, reason="Otra vez")
        return service.delete(actor=person.actor, row_id=row_id, reason="Doble")
    except DomainError:
        db.session.rollback()
        return None


@pytest.mark.parametrize("seed", range(4))
def test_totals_stay_equal_to_the_payments_while_everybody_works(app: Flask, cast: Cast, seed: int):
    dice = random.Random(seed)
    for _round in range(6):
        actions = [random_action(cast, dice) for _ in range(5)] + [keeping.fold]
        failures = [one for one in together(app, actions) if isinstance(one, Exception)]
        assert failures == []
        assert keeping.differences() == []
        assert derived.deviations() == []
        for status in Status:
            assert kept(status=status) == counted(status=status)
        assert kept(created_by=cast.cashier.id) == counted(created_by=cast.cashier.id)
        for typed in ("r", "rosa", "mar", "z"):
            for wanted in (Filter(q=typed), Filter(q=typed, status=Status.TO_REVIEW)):
                assert lists.count(wanted) == len(lists.page(wanted, number=1, size=500).items)


def test_verify_names_the_day_of_a_difference_and_rebuild_sets_it_right(app: Flask, cast: Cast):
    move_to_day(payments.logged(cast.cashier), date(2025, 3, 4))
    keeping.fold()
    run = app.test_cli_runner().invoke
    assert run(args=["totals", "verify"]).exit_code == 0
    db.session.execute(
        text("UPDATE transaction_totals SET payments = payments + 1 WHERE grain = 3")
    )
    db.session.commit()
    refused = run(args=["totals", "verify"])
    assert refused.exit_code == 1
    assert "day 2025-03-04" in refused.output and "+1 payments" in refused.output
    assert run(args=["totals", "rebuild"]).exit_code == 0
    assert run(args=["totals", "verify"]).exit_code == 0
    assert kept()[0] == 1


def test_a_name_counts_once_however_many_of_its_words_begin_so(app: Flask, cast: Cast):
    payment = payments.logged(cast.cashier, full_name="Mario Márquez", transaction_id="MAR")
    by_id = payments.logged(cast.cashier, full_name="Ana Rojas", transaction_id="mario")
    for _fold in range(2):
        counts = [lists.count(Filter(q=typed)) for typed in ("m", "már", "MARIO", "quez", "MAR")]
        assert counts == [1, 1, 1, 0, 1]
        assert lists.count(Filter(q="mario")) == 2, "one by its name, one by its id"
        keeping.fold()
    service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Doble")
    service.correct(
        actor=cast.supervisor.actor,
        row_id=by_id.id,
        version=None,
        details=payments.details(full_name="Quino Rojas"),
    )
    for _fold in range(2):
        assert [lists.count(Filter(q=typed)) for typed in ("m", "ana", "qui")] == [0, 0, 1]
        keeping.fold()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("UPDATE transaction_sums SET payments = payments + 1 WHERE grain = 3", "2025-03-04"),
        (
            "UPDATE transaction_name_totals SET payments = payments + 1 WHERE prefix = 'ro'",
            "prefix ro",
        ),
        (
            "UPDATE transaction_name_months SET payments = payments + 1 WHERE prefix = 'r'",
            "2025-03-01",
        ),
        ("UPDATE transaction_names SET payments = payments + 1", "name rosa rojas"),
    ],
    ids=["sums", "names", "months", "whole names"],
)
def test_what_follows_the_totals_is_proved_and_set_right(
    app: Flask, cast: Cast, broken: str, said: str
):
    move_to_day(payments.logged(cast.cashier, full_name="Rosa Rojas"), date(2025, 3, 4))
    keeping.fold()
    run = app.test_cli_runner().invoke
    assert run(args=["totals", "verify"]).exit_code == 0
    db.session.execute(text(broken))
    db.session.commit()
    refused = run(args=["totals", "verify"])
    assert refused.exit_code == 1
    assert said in refused.output and "+1 payments" in refused.output
    assert run(args=["totals", "rebuild"]).exit_code == 0
    assert run(args=["totals", "verify"]).exit_code == 0


def test_an_unknown_dimension_is_refused(app: Flask):
    with pytest.raises(KeyError):
        queries.total({"customer_phone": "04141234567"})
