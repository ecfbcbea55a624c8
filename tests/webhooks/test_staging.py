"""Deliveries are staged with the event that they tell of: both are committed, or neither."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Executable, delete, text, update

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.counting import counted_statements
from tests.support.people import Cast
from tests.support.threads import together
from tests.webhooks.conftest import Listen, deliveries
from webapp.accounts.models import PermissionRow, User, UserPermission
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict
from webapp.kernel.permissions import Permission
from webapp.transactions import checking, queries, service, status_changes
from webapp.transactions.lifecycle import Cause, Status
from webapp.transactions.models import Transaction
from webapp.transactions.service import Verdict
from webapp.webhooks import service as webhooks
from webapp.webhooks.events import EventType
from webapp.webhooks.models import WebhookEndpoint
from webapp.webhooks.service import EndpointChanges

URL = "https://hooks.clinic.test/in"


def payloads() -> list[dict[str, Any]]:
    """Return the staged payloads, oldest first."""
    return [row.payload for row in deliveries()]


@pytest.fixture
def in_review(app: Flask, cast: Cast, bank: FakeGateway) -> Callable[[], Transaction]:
    """Return a function that logs a payment whose amount differs at the bank."""

    def make() -> Transaction:
        payment = payments.logged(cast.cashier)
        bank.will_answer(answer(movement(payment, amount=Decimal("1.00"))))
        checking.check(payment.id, bank=app.extensions["bank"])
        return payments.reread(payment)

    return make


def test_logging_a_payment_stages_no_message(cast: Cast, listen: Listen):
    listen(URL)
    payments.logged(cast.cashier)
    assert payloads() == []


def test_a_payment_that_is_reopened_is_told_as_one_to_review(
    cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    payment = in_review()
    service.decide(
        actor=cast.supervisor.actor, row_id=payment.id, verdict=Verdict.REJECT, reason="No es suyo"
    )
    listen(URL)
    service.reopen(actor=cast.admin.actor, row_id=payment.id, reason="Hubo un reclamo")
    (message,) = payloads()
    assert message["type"] == "transaction.to_review"
    assert message["data"]["previous_status"] == "CANCELED"


def test_a_payment_in_review_is_announced_with_reasons_and_without_personal_data(
    listen: Listen, in_review: Callable[[], Transaction]
):
    listen(URL)
    payment = in_review()
    (message,) = payloads()
    assert message["type"] == "transaction.to_review"
    assert message["data"] == {
        "id": str(payment.id),
        "transaction_id": payment.transaction_id,
        "status": "TO_REVIEW",
        "previous_status": "IN_PROGRESS",
        "bank": "MOBILE_TRANSFER",
        "transaction_type": "TRANSACTION",
        "reference": payment.reference,
        "amount": "1240.00",
        "currency": "VES",
        "reasons": [reason["code"] for reason in payment.reasons],
        "deleted": False,
        "version": payment.version,
    }
    assert message["data"]["reasons"]
    text = json.dumps(message, ensure_ascii=False)
    for private in ("Rosa", "Villegas", "9876543", "04141234567", "Consulta"):
        assert private not in text


def test_decisions_are_announced(cast: Cast, listen: Listen, in_review: Callable[[], Transaction]):
    approved, rejected = in_review(), in_review()
    listen(URL)
    actor = cast.supervisor.actor
    service.decide(actor=actor, row_id=approved.id, verdict=Verdict.APPROVE, reason="Visto")
    service.decide(actor=actor, row_id=rejected.id, verdict=Verdict.REJECT, reason="Falso")
    service.reopen(actor=cast.admin.actor, row_id=rejected.id, reason="Error")
    assert [(item["type"], item["data"]["previous_status"]) for item in payloads()] == [
        ("transaction.completed", "TO_REVIEW"),
        ("transaction.canceled", "TO_REVIEW"),
        ("transaction.to_review", "CANCELED"),
    ]
    assert "Falso" not in json.dumps(payloads())


def test_corrections_and_deletions_are_announced_as_updates(
    cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    payment = in_review()
    listen(URL)
    changed = payments.details(reference=payment.reference, amount=Decimal("1.00"))
    service.correct(actor=cast.cashier.actor, row_id=payment.id, version=None, details=changed)
    service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Repetido")
    corrected, deleted = payloads()
    assert {corrected["type"], deleted["type"]} == {"transaction.updated"}
    assert (corrected["data"]["status"], corrected["data"]["amount"]) == ("IN_PROGRESS", "1.00")
    assert (corrected["data"]["deleted"], deleted["data"]["deleted"]) == (False, True)


def test_a_payment_that_never_appeared_at_the_bank_is_announced(
    app: Flask, cast: Cast, listen: Listen
):
    listen(URL)
    payment = queries.locked(payments.logged(cast.cashier).id)
    status_changes.move(payment, Status.UNKNOWN, Cause.GIVING_UP, cast.admin.actor, None)
    db.session.commit()
    assert [message["type"] for message in payloads()] == ["transaction.unknown"]


def test_an_endpoint_gets_only_the_events_it_subscribed_to(
    cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    asked = listen(URL, events=[EventType.TO_REVIEW, EventType.UPDATED])
    listen(URL, events=[EventType.COMPLETED])
    in_review()
    assert [row.endpoint_id for row in deliveries()] == [asked.id]


def test_every_endpoint_gets_a_message_of_its_own(
    cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    endpoints = [listen(URL), listen(URL, owner=cast.admin)]
    in_review()
    rows = deliveries()
    assert {row.endpoint_id for row in rows} == {endpoint.id for endpoint in endpoints}
    assert len({row.id for row in rows}) == 2


def test_a_disabled_endpoint_gets_no_messages(
    cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    endpoint = listen(URL)
    off = EndpointChanges(is_active=False)
    key = str(endpoint.id)
    webhooks.change(actor=cast.integrator.actor, key=key, addresses=None, changes=off)  # type: ignore[arg-type]
    in_review()
    assert payloads() == []


def test_endpoints_of_inactive_users_get_no_messages(
    cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    listen(URL)
    integrator = User.id == cast.integrator.id
    db.session.execute(update(User).where(integrator).values(is_active=False))
    db.session.commit()
    try:
        in_review()
        assert payloads() == []
    finally:
        db.session.execute(update(User).where(integrator).values(is_active=True))
        db.session.commit()


def test_endpoints_of_users_without_the_permission_get_no_messages(
    cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    listen(URL)
    permission = db.session.query(PermissionRow).filter_by(name=Permission.WEBHOOK_MANAGE).one()
    db.session.execute(
        delete(UserPermission).where(
            UserPermission.user_id == cast.integrator.id,
            UserPermission.permission_id == permission.id,
        )
    )
    db.session.commit()
    try:
        in_review()
        assert payloads() == []
    finally:
        db.session.add(UserPermission(user_id=cast.integrator.id, permission_id=permission.id))
        db.session.commit()


def test_a_rollback_leaves_no_message(app: Flask, cast: Cast, listen: Listen):
    listen(URL)
    payment = queries.locked(payments.logged(cast.cashier).id)
    status_changes.move(payment, Status.UNKNOWN, Cause.GIVING_UP, cast.admin.actor, None)
    db.session.rollback()
    assert payloads() == []


def test_a_decision_that_the_database_refuses_stages_no_message_and_is_explained(
    app: Flask, cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    """Staging must not flush the payment before the service handles the conflict."""
    first, second = in_review(), in_review()
    db.session.execute(update(Transaction).values(shown_movement="banesco:same"))
    db.session.commit()
    listen(URL)
    taken = (
        update(Transaction)
        .where(Transaction.id == first.id)
        .values(matched_movement="banesco:same", movement_tail="000001")
    )
    refused = behind(app, taken, lambda: decide(cast, second, Verdict.APPROVE))
    assert isinstance(refused, Conflict)
    assert refused.code == "movement_used"
    assert payloads() == []


def decide(cast: Cast, payment: Transaction, verdict: Verdict) -> Transaction:
    return service.decide(
        actor=cast.supervisor.actor, row_id=payment.id, verdict=verdict, reason="Visto"
    )


def behind(app: Flask, statement: Executable, action: Callable[[], Any]) -> Any:
    """Run the action while a statement of another connection waits to be committed; return what it returns or raises."""
    with db.engine.connect() as connection, ThreadPoolExecutor(1) as pool:
        connection.execute(statement)
        later = pool.submit(together, app, [action])
        while not later.done() and not _somebody_waits():
            time.sleep(0.01)
        assert not later.done()
        connection.commit()
        (result,) = later.result(30)
        return result


def _somebody_waits() -> bool:
    query = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with db.engine.connect() as connection:
        return bool(connection.scalar(query))


def test_staging_is_one_statement_however_many_listen(
    cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    payment = in_review()
    for _ in range(5):
        listen(URL)
    locked = queries.locked(payment.id)
    with counted_statements() as statements:
        status_changes.event(locked, Status.IN_PROGRESS, cast.admin.actor, None)
    db.session.commit()
    assert len(statements) == 1
    assert len(payloads()) == 5


def test_an_endpoint_that_is_being_removed_never_breaks_a_payment(
    app: Flask, cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    payment = in_review()
    leaving, staying = listen(URL), listen(URL)
    removal = delete(WebhookEndpoint).where(WebhookEndpoint.id == leaving.id)
    decided = behind(app, removal, lambda: decide(cast, payment, Verdict.REJECT))
    assert decided.status is Status.CANCELED
    assert [row.endpoint_id for row in deliveries()] == [staying.id]


def test_staging_never_waits_for_a_message_that_is_being_sent(
    cast: Cast, listen: Listen, in_review: Callable[[], Transaction]
):
    payment, endpoint = in_review(), listen(URL)
    with db.engine.connect() as connection:
        connection.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.id == endpoint.id)
            .values(busy_until=clock.now())
        )
        decide(cast, payment, Verdict.REJECT)
        connection.rollback()
    assert len(payloads()) == 1
