"""The bank is asked about a new payment at once where that takes little from those who wait; else by the worker."""

from __future__ import annotations

import time

import pytest
from flask import Flask

from tests.support import payments
from tests.support.background import settle
from tests.support.bank import FakeGateway
from tests.support.counting import counted_statements
from tests.support.people import Cast
from webapp.banking import availability
from webapp.banking.connection import BankConnection
from webapp.banking.gateway import Outcome
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.transactions import asking, checking
from webapp.transactions.models import Transaction


@pytest.fixture
def connection(app: Flask, bank: FakeGateway) -> BankConnection:
    inside: BankConnection = app.extensions["bank"]
    return inside


@pytest.fixture
def log(app: Flask, cast: Cast, connection: BankConnection):
    """Log a payment as a page or a route does, and wait for what it started."""

    def logged() -> Transaction:
        payment = payments.logged(cast.cashier)
        asking.ask_in_background(payment.id, bank=connection, context=app.app_context)
        settle()
        return payment

    return logged


def is_due(payment: Transaction) -> bool:
    row = payments.reread(payment)
    at = row.next_check_at
    return at is not None and at <= clock.now() and row.checking_until is None


def bank_is_down() -> None:
    for _ in range(availability.THRESHOLD):
        availability.note_outcome("qa", Outcome.UNAVAILABLE)
    db.session.commit()


def test_a_payment_is_asked_about_as_soon_as_it_is_logged(log, bank: FakeGateway):
    payment = log()
    assert [claim.reference for claim in bank.claims] == [payment.reference]
    assert not is_due(payment)


def test_of_many_payments_logged_at_once_the_worker_asks_about_most(
    log, bank: FakeGateway, connection: BankConnection, monkeypatch: pytest.MonkeyPatch
):
    moment = time.monotonic()
    monkeypatch.setattr(connection.pace, "_now", lambda: moment)
    logged = [log() for _ in range(20)]
    assert (len(bank.claims), sum(map(is_due, logged))) == (8, 12)
    while checking.check_due(bank=connection):
        pass
    assert {claim.reference for claim in bank.claims} == {one.reference for one in logged}


def test_while_the_bank_is_down_new_payments_are_left_to_the_worker_as_they_are(
    log, bank: FakeGateway
):
    bank_is_down()
    first = log()
    with counted_statements() as sent:
        second = log()
    assert len(sent) == 1, "only what stores the payment: the outage is known"
    assert not bank.claims
    assert is_due(first) and is_due(second)


def test_after_an_outage_new_payments_are_asked_about_again(
    log, bank: FakeGateway, connection: BankConnection
):
    bank_is_down()
    log()
    availability.note_outcome("qa", Outcome.NOT_FOUND)
    db.session.commit()
    connection.pace.pause(0)  # the moment for which the outage is remembered has passed
    payment = log()
    assert [claim.reference for claim in bank.claims] == [payment.reference]
