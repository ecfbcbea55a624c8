"""Test payments never add to real money: payments keep the bank's environment for good."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.pages import Browser
from tests.support.people import Cast
from tests.support.programs import Program, payment
from webapp.banking.connection import BankConnection
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.reports import queries as reports
from webapp.transactions import allocation, checking, queries
from webapp.transactions.checking import CheckOutcome
from webapp.transactions.lifecycle import Status

MARK = "Prueba (QA)"
TRIAL_BANK = "Ambiente de pruebas: nada de esto es dinero real."


@pytest.fixture
def production(app: Flask, bank: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> BankConnection:
    """Let the fake bank be the real one."""
    connection: BankConnection = app.extensions["bank"]
    real = replace(connection, policy=replace(connection.policy, environment="production"))
    monkeypatch.setitem(app.extensions, "bank", real)
    return real


@pytest.fixture
def connection_to_qa(app: Flask, bank: FakeGateway) -> BankConnection:
    """Return a connection to the fake bank as its test environment."""
    inside: BankConnection = app.extensions["bank"]
    return replace(inside, policy=replace(inside.policy, environment="qa"))


def test_what_a_cashier_and_a_program_log_is_marked_with_the_bank_in_force(
    app: Flask, cast: Cast, cashier: Browser, production: BankConnection
):
    form = payments.form()
    assert cashier.post("/transactions/new", form, form="/transactions/new").status == 303
    sent = payment()
    assert Program(app, cast.integrator).post("/transactions", sent).status_code == 201
    rows = db.session.execute(text("SELECT reference, bank_environment FROM transactions"))
    assert {row[0]: row[1] for row in rows} == {
        form["reference"]: "production",
        sent["reference"]: "production",
    }


@pytest.mark.parametrize(("was", "becomes"), [("qa", "production"), ("production", "qa")])
def test_the_mark_can_never_be_changed(app: Flask, cast: Cast, was: str, becomes: str):
    payments.logged(cast.cashier, bank_environment=was)
    with pytest.raises(IntegrityError):
        db.session.execute(text("UPDATE transactions SET bank_environment = :b"), {"b": becomes})
    db.session.rollback()
    assert db.session.scalar(text("SELECT bank_environment FROM transactions")) == was


def test_an_unknown_environment_is_refused_by_the_database(app: Flask):
    with pytest.raises(IntegrityError, match="bank_environment_known"):
        db.session.execute(
            text(
                "INSERT INTO transactions (transaction_id, bank, reference, reference_key,"
                " customer_full_name, customer_name_search, customer_phone, customer_national_id,"
                " bank_environment) VALUES ('X', 'BANESCO', '100000001', '100000001', 'Rosa', 'rosa',"
                " '04141234567', 'V9876543', 'sandbox')"
            )
        )
    db.session.rollback()


def test_totals_count_only_the_environment_in_force(
    app: Flask, cast: Cast, bank: FakeGateway, cashier: Browser
):
    for environment, amount in (("qa", "7.00"), ("production", "100.00")):
        for status in ("COMPLETED", "IN_PROGRESS", "TO_REVIEW", "UNKNOWN"):
            row = payments.logged(
                cast.cashier, amount=Decimal(amount), bank_environment=environment
            )
            db.session.execute(
                text("UPDATE transactions SET status = :s WHERE id = :id"),
                {"s": status, "id": row.id},
            )
    db.session.commit()
    for environment, amount in (("qa", "7.00"), ("production", "100.00")):
        today = reports.today(clock.today(), bank_environment=environment)
        assert today.verified_amount == Decimal(amount)
        assert (today.verified_count, today.in_progress_count) == (1, 1)
        assert (today.review_count, today.unknown_count) == (1, 1)
    assert "Bs. 7,00" in cashier.get("/").text


def test_totals_of_production_stand_on_the_page(
    app: Flask, cast: Cast, cashier: Browser, production: BankConnection
):
    row = payments.logged(cast.cashier, amount=Decimal("7.00"))
    db.session.execute(
        text("UPDATE transactions SET status = 'COMPLETED' WHERE id = :id"), {"id": row.id}
    )
    db.session.commit()
    assert "Bs. 0,00" in cashier.get("/").text


def test_a_trial_payment_is_marked_beside_real_ones(
    app: Flask, cast: Cast, cashier: Browser, production: BankConnection
):
    trial = payments.logged(cast.cashier)
    real = payments.logged(cast.cashier, bank_environment="production")
    assert cashier.get("/transactions").text.count(MARK) == 1
    page = cashier.get(f"/transactions/{trial.transaction_id}")
    assert MARK in page.text and "Consultar Banesco" not in page.text
    page = cashier.get(f"/transactions/{real.transaction_id}")
    assert MARK not in page.text and "Consultar Banesco" in page.text
    assert TRIAL_BANK not in page.text


def test_while_the_trial_bank_is_in_force_every_page_says_so_once(
    app: Flask, cast: Cast, cashier: Browser
):
    row = payments.logged(cast.cashier)
    for url in ("/", "/transactions", f"/transactions/{row.transaction_id}"):
        page = cashier.get(url)
        assert page.text.count(TRIAL_BANK) == 1
        assert MARK not in page.text


def test_a_trial_movement_never_blocks_a_real_one(
    app: Flask, cast: Cast, bank: FakeGateway, production: BankConnection
):
    trial = payments.logged(cast.cashier)
    identity = movement(trial).identity
    db.session.execute(
        text(
            "UPDATE transactions SET matched_movement = :m, movement_tail = '000001', status = 'COMPLETED' WHERE id = :id"
        ),
        {"m": identity, "id": trial.id},
    )
    db.session.commit()
    real = payments.logged(cast.cashier, bank_environment="production")
    bank.will_answer(answer(movement(real, identity=identity)))
    assert checking.check(real.id, bank=production).outcome is CheckOutcome.ANSWERED
    verified = payments.reread(real)
    assert verified.status is Status.COMPLETED
    assert verified.matched_movement == payments.reread(trial).matched_movement == identity
    assert allocation.payments_settled_by(verified, identity) == []


def test_within_one_environment_a_movement_still_pays_once(app: Flask, cast: Cast):
    first, second = (payments.logged(cast.cashier) for _ in range(2))
    statement = text(
        "UPDATE transactions SET matched_movement = 'one', movement_tail = '000001' WHERE id = :id"
    )
    db.session.execute(statement, {"id": first.id})
    with pytest.raises(IntegrityError):
        db.session.execute(statement, {"id": second.id})
    db.session.rollback()


def test_the_real_bank_is_never_asked_about_a_trial_payment(
    app: Flask, cast: Cast, bank: FakeGateway, production: BankConnection
):
    trial = payments.logged(cast.cashier)
    assert not checking.check_due(bank=production)
    result = checking.check(trial.id, bank=production, probe=True)
    assert result.outcome is CheckOutcome.NOT_CHECKABLE
    assert bank.claims == []
    assert payments.reread(trial).status is Status.IN_PROGRESS


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_worker_with_the_wrong_environment_leaves_the_queue_as_it_is(
    app: Flask,
    cast: Cast,
    bank: FakeGateway,
    production: BankConnection,
    connection_to_qa: BankConnection,
    by_hand: bool,
):
    waiting = [payments.logged(cast.cashier) for _ in range(3)]
    due_at = [row.next_check_at for row in waiting]
    while checking.check_due(bank=production):
        pass
    if by_hand:
        for row in waiting:
            checking.check(row.id, bank=production)
    left = [payments.reread(row) for row in waiting]
    assert [row.next_check_at for row in left] == due_at
    assert [row.checking_until for row in left] == [None] * 3
    assert bank.claims == []
    while checking.check_due(bank=connection_to_qa):
        pass
    assert [claim.reference for claim in bank.claims] == [row.reference for row in waiting]


def test_what_waits_for_the_other_environment_costs_a_worker_nothing(app: Flask, cast: Cast):
    """A backlog of QA stays due for good once production is in force."""
    db.session.execute(
        text(
            "INSERT INTO transactions (transaction_id, bank, reference, reference_key,"
            " customer_full_name, customer_name_search, customer_phone, customer_national_id,"
            " next_check_at) SELECT 'Q-' || n, 'BANESCO', n::text, n::text, 'Rosa', 'rosa',"
            " '04141234567', 'V9876543', now() - interval '1 day'"
            " FROM generate_series(200000001, 200003000) n"
        )
    )
    db.session.execute(text("ANALYZE transactions"))
    due = queries.due(clock.now(), bank_environment="production").limit(1)
    statement = due.compile(db.engine, compile_kwargs={"literal_binds": True})
    plan = "\n".join(db.session.scalars(text(f"EXPLAIN {statement}")))
    db.session.rollback()
    assert "ix_transactions_due" in plan, plan
    assert "Index Cond: (((bank_environment)::text = 'production'::text)" in plan, plan
    assert "Sort" not in plan, plan
