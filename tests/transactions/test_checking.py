"""Asking the bank about one payment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import inspect, select, text, update

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.counting import counted_statements
from tests.support.pages import Browser
from tests.support.people import Cast
from tests.support.threads import together
from webapp.banking import availability
from webapp.banking.connection import BankConnection
from webapp.banking.gateway import (
    BankAnswer,
    BankRateLimited,
    BankRefusedUs,
    BankUnavailable,
    BankUnreadable,
    CallNotAllowed,
    Outcome,
    TransactionType,
)
from webapp.banking.models import BankCall
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import NotFound
from webapp.transactions import checking, queries, service
from webapp.transactions.checking import CheckOutcome
from webapp.transactions.declaration import details_of
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction

LEASE = timedelta(seconds=60)


@pytest.fixture
def connection(app: Flask, bank: FakeGateway) -> BankConnection:
    """Return the connection in force, with the bank whose answers the test chooses."""
    inside: BankConnection = app.extensions["bank"]
    return inside


def reads_of_the_row(statements: list[str]) -> int:
    """Count the statements that read a payment by its id."""
    return sum(
        "FROM transactions" in one and "WHERE transactions.id = " in one for one in statements
    )


class Asking:
    """The fake bank, asked through a function of the test."""

    def __init__(self, bank: FakeGateway, ask: Callable[..., BankAnswer]) -> None:
        self.requirements, self.subject, self.ask = bank.requirements, bank.subject, ask


def as_it_was(transaction: Transaction) -> dict[str, object]:
    """Return everything of a payment that an answer could change."""
    row = payments.reread(transaction)
    skip = {"next_check_at", "checking_until", "updated_at", "name_words"}
    return {
        column.key: getattr(row, column.key)
        for column in inspect(Transaction).column_attrs
        if column.key not in skip
    }


def test_an_answer_is_recorded_and_the_lease_ended(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(payment)))
    assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.ANSWERED
    after = payments.reread(payment)
    assert (after.status, after.checking_until) == (Status.COMPLETED, None)
    assert bank.claims[0].reference == payment.reference
    assert bank.claims[0].amount == payment.amount


@pytest.mark.parametrize(
    "said",
    [answer(), "what fits", "another amount", BankUnavailable("away"), BankRateLimited("429")],
)
def test_the_row_is_read_once_before_asking_and_once_after(cast: Cast, bank, connection, said):
    payment = payments.logged(cast.cashier)
    if isinstance(said, str):
        amount = payment.amount if said == "what fits" else Decimal("1.00")
        said = answer(movement(payment, amount=amount))
    bank.will_answer(said)
    reads_before: list[int] = []
    with counted_statements() as statements:
        real_ask = bank.ask

        def ask(*args, **kwargs):
            reads_before.append(reads_of_the_row(statements))
            return real_ask(*args, **kwargs)

        checking.check(payment.id, bank=replace(connection, gateway=Asking(bank, ask)))
    assert reads_before == [1]
    assert reads_of_the_row(statements) == 2


def test_a_final_payment_is_not_asked_about(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(payment)))
    checking.check(payment.id, bank=connection)
    assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.NOT_CHECKABLE
    assert len(bank.claims) == 1


def test_a_deleted_payment_is_not_found(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Error")
    with pytest.raises(NotFound):
        checking.check(payment.id, bank=connection)
    assert not bank.claims


def test_the_third_call_in_a_minute_waits_and_the_worker_knows_until_when(
    cast: Cast, bank, connection
):
    payment = payments.logged(cast.cashier)
    assert checking.waiting_seconds(payment, bank=connection) == 0
    for _ in range(2):
        assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.ANSWERED
    result = checking.check(payment.id, bank=connection)
    assert result.outcome is CheckOutcome.WAIT
    assert result.next_at is not None
    after = payments.reread(payment)
    assert (after.next_check_at, after.checking_until) == (result.next_at, None)
    assert 0 < checking.waiting_seconds(payment, bank=connection) <= 63
    assert len(bank.claims) == 2


def test_a_reference_that_is_logged_again_does_not_begin_a_new_count(cast: Cast, bank, connection):
    reference = payments.new_reference()
    for _ in range(2):
        payment = payments.logged(cast.cashier, reference=reference)
        checking.check(payment.id, bank=connection)
        service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Error")
    again = payments.logged(cast.cashier, reference=reference)
    assert 0 < checking.waiting_seconds(again, bank=connection) <= 63
    assert checking.check(again.id, bank=connection).outcome is CheckOutcome.WAIT
    assert len(bank.claims) == 2


@pytest.mark.parametrize("by", ["its kind", "its own key"])
def test_two_payments_that_are_one_question_at_the_bank_share_its_limit(
    cast: Cast, bank, connection, by
):
    reference = payments.new_reference()
    first = payments.logged(cast.cashier, reference=reference)
    if by == "its kind":
        other = {"reference": reference, "transaction_type": TransactionType.COMMISSION}
        second = payments.logged(cast.cashier, **other)
    else:
        second = payments.logged(cast.cashier, transaction_id=reference)
    outcomes = [checking.check(row.id, bank=connection).outcome for row in [first, second] * 2]
    assert outcomes == [CheckOutcome.ANSWERED] * 2 + [CheckOutcome.WAIT] * 2
    waits = [checking.waiting_seconds(row, bank=connection) for row in (first, second)]
    assert min(waits) > 0 and max(waits) - min(waits) <= 1
    result = checking.check(second.id, bank=connection)
    assert result.next_at == checking.check(first.id, bank=connection).next_at
    assert len(bank.claims) == 2


def test_a_payment_that_is_corrected_into_another_question_is_still_the_same_payment(
    cast: Cast, bank, connection
):
    payment = payments.logged(cast.cashier)
    for _ in range(2):
        checking.check(payment.id, bank=connection)
    assert checking.waiting_seconds(payment, bank=connection) > 0
    changed = replace(details_of(payment), reference=payments.new_reference())
    corrected = service.correct(
        actor=cast.cashier.actor, row_id=payment.id, version=None, details=changed
    )
    assert checking.waiting_seconds(corrected, bank=connection) > 0
    assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.WAIT


def test_while_somebody_asks_another_is_told_that_it_is_busy(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    checking.take_lease(payment.id, lasting=LEASE, bank_environment="qa")
    assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.BUSY
    assert not bank.claims


def test_of_eight_who_ask_at_once_one_asks(app: Flask, cast: Cast):
    payment = payments.logged(cast.cashier)
    results = together(
        app, [lambda: checking.take_lease(payment.id, lasting=LEASE, bank_environment="qa")] * 8
    )
    assert sum(isinstance(result, checking.Lease) for result in results) == 1


def test_after_the_lease_of_a_process_that_died_another_may_ask(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    checking.take_due_lease(lasting=LEASE, bank_environment="qa")
    assert checking.take_due_lease(lasting=LEASE, bank_environment="qa") is None
    db.session.execute(
        update(Transaction).values(checking_until=clock.now() - timedelta(seconds=1))
    )
    db.session.commit()
    bank.will_answer(answer(movement(payment)))
    assert checking.check_due(bank=connection)
    assert payments.reread(payment).status is Status.COMPLETED


@pytest.mark.parametrize(
    "error",
    [
        BankUnavailable("HTTP 503"),
        BankUnreadable("the answer is not JSON"),
        BankRefusedUs("HTTP 401"),
        BankRateLimited("HTTP 429"),
    ],
)
@pytest.mark.parametrize("patient", [True, False])
def test_a_bank_that_says_nothing_changes_nothing(cast, bank, connection, error, patient):
    payment = payments.logged(cast.cashier)
    before = as_it_was(payment)
    bank.will_answer(error)
    result = checking.check(payment.id, bank=connection, patient=patient)
    assert result.outcome is CheckOutcome.BANK_SILENT
    assert as_it_was(payment) == before
    after = payments.reread(payment)
    assert after.next_check_at is not None and after.next_check_at > clock.now()
    assert after.checking_until is None
    assert len(queries.events_of(payment.id)) == 1


def test_an_outage_never_makes_a_payment_unknown_however_long(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    db.session.execute(update(Transaction).values(waiting_since=clock.now() - timedelta(days=30)))
    db.session.commit()
    bank.will_answer(BankUnavailable("HTTP 503"))
    checking.check(payment.id, bank=connection)
    assert payments.reread(payment).status is Status.IN_PROGRESS


def test_the_banks_retry_after_is_respected(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    bank.will_answer(BankRateLimited("HTTP 429", retry_after=300))
    result = checking.check(payment.id, bank=connection)
    assert result.next_at is not None
    assert result.next_at > clock.now() + timedelta(seconds=290)


def test_an_outage_leaves_what_waits_for_a_supervisor_where_it_is(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(payment, reference="999999999")), BankUnavailable("down"))
    checking.check(payment.id, bank=connection)
    before = as_it_was(payment)
    assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.BANK_SILENT
    assert as_it_was(payment) == before
    assert payments.reread(payment).next_check_at is None


def test_while_the_bank_is_down_only_a_probe_goes_out(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    for _ in range(availability.THRESHOLD):
        availability.note_outcome("qa", Outcome.UNAVAILABLE)
    db.session.commit()
    assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.BANK_SILENT
    assert not bank.claims
    bank.will_answer(answer(movement(payment)))
    result = checking.check(payment.id, bank=connection, probe=True)
    assert result.outcome is CheckOutcome.ANSWERED
    assert availability.current("qa").up


def test_an_error_of_ours_ends_the_lease_and_is_not_hidden(cast: Cast, bank, connection):
    payment = payments.logged(cast.cashier)
    bank.will_answer(RuntimeError("a mistake"))
    with pytest.raises(RuntimeError):
        checking.check(payment.id, bank=connection)
    after = payments.reread(payment)
    assert after.checking_until is None
    assert after.next_check_at is not None and after.next_check_at > clock.now()
    assert db.session.scalars(select(BankCall.outcome)).all() == ["unreadable"]


def test_no_database_transaction_is_open_while_the_bank_is_asked(
    cast: Cast, bank, connection, monkeypatch
):
    payment = payments.logged(cast.cashier)
    seen = []

    def ask(claim, *, calls, seconds, attempts):
        seen.append(db.session().in_transaction())
        return answer()

    monkeypatch.setattr(bank, "ask", ask)
    checking.check(payment.id, bank=connection)
    checking.check(payment.id, bank=connection, patient=True)
    assert seen == [False, False]


def test_a_payment_that_was_deleted_while_the_bank_was_asked_is_left_alone(
    app: Flask, cast: Cast, bank, connection, monkeypatch
):
    payment = payments.logged(cast.cashier)

    def ask(claim, *, calls, seconds, attempts):
        service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Error")
        return answer(movement(payment))

    monkeypatch.setattr(bank, "ask", ask)
    assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.NOT_CHECKABLE
    assert len(queries.events_of(payment.id)) == 2


@pytest.mark.parametrize("error", [BankUnavailable("down"), None])
def test_a_payment_that_was_deleted_before_the_call_failed_is_left_alone(
    cast: Cast, bank, connection, monkeypatch, error
):
    payment = payments.logged(cast.cashier)

    def ask(claim, *, calls, seconds, attempts):
        service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Error")
        raise error or CallNotAllowed(clock.now())

    monkeypatch.setattr(bank, "ask", ask)
    result = checking.check(payment.id, bank=connection)
    assert result.outcome in (CheckOutcome.NOT_CHECKABLE, CheckOutcome.WAIT)


def test_an_answer_to_an_old_version_is_asked_again_at_once(
    cast: Cast, bank, connection, monkeypatch
):
    payment = payments.logged(cast.cashier)

    def ask(claim, *, calls, seconds, attempts):
        changed = details_of(payments.reread(payment))
        service.correct(
            actor=cast.cashier.actor,
            row_id=payment.id,
            version=1,
            details=type(changed)(**{**vars(changed), "reference": payments.new_reference()}),
        )
        return answer(movement(payment))

    monkeypatch.setattr(bank, "ask", ask)
    checking.check(payment.id, bank=connection)
    after = payments.reread(payment)
    assert after.status is Status.IN_PROGRESS
    assert after.next_check_at is not None and after.next_check_at <= clock.now()


def test_the_worker_takes_the_longest_overdue_first_and_nobody_takes_one_twice(
    app: Flask, cast: Cast
):
    made = [payments.logged(cast.cashier) for _ in range(6)]
    results = together(
        app, [lambda: checking.take_due_lease(lasting=LEASE, bank_environment="qa")] * 8
    )
    taken = [result.row_id for result in results if isinstance(result, checking.Lease)]
    assert sorted(taken) == sorted(payment.id for payment in made)
    assert results.count(None) == 2


def test_a_worker_skips_what_another_is_taking_at_this_moment(app: Flask, cast: Cast):
    first, second = payments.logged(cast.cashier), payments.logged(cast.cashier)
    with db.engine.connect() as another, another.begin():
        another.execute(
            text("SELECT 1 FROM transactions WHERE id = :id FOR UPDATE"), {"id": first.id}
        )
        asked = checking.take_due_lease(lasting=LEASE, bank_environment="qa")
        assert asked is not None and asked.row_id == second.id
        assert checking.take_due_lease(lasting=LEASE, bank_environment="qa") is None


@pytest.mark.parametrize(
    ("error", "whose"),
    [
        (BankUnavailable("HTTP 503"), "Banesco no respondió"),
        (BankRateLimited("HTTP 429", retry_after=30), "Banesco pide esperar"),
        (BankUnreadable("garbage"), "algo que no se entiende"),
        (BankRefusedUs("HTTP 401"), "un problema de nuestra conexión, no de este pago"),
    ],
)
def test_who_asks_is_told_whose_fault_the_silence_is(
    cast: Cast, cashier: Browser, bank, error, whose
):
    payment = payments.logged(cast.cashier)
    bank.will_answer(error)
    page = cashier.post(f"/transactions/{payment.transaction_id}/check", {}, htmx=True)
    assert page.status == 200
    assert whose in page.text
    assert "este pago" in page.text
