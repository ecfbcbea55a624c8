"""What is kept of deliveries, how long, and what the database never lets happen to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError

from tests.support.people import Cast
from tests.support.receivers import Receiver
from tests.webhooks.conftest import Listen, deliveries, endpoint_now, send_all, staged_for
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.webhooks import service
from webapp.webhooks.events import EventType
from webapp.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webapp.webhooks.sending import Sender


def test_deliveries_older_than_ninety_days_are_purged_with_their_attempts(
    receiver: Receiver, sender: Sender, listen: Listen
):
    old, young = staged_for(listen(receiver.url), 2)
    send_all(sender)
    db.session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == old)
        .values(created_at=clock.now() - timedelta(days=91))
    )
    db.session.commit()
    assert service.purge_old() == 1
    assert [row.id for row in deliveries()] == [young]
    assert [row.delivery_id for row in db.session.query(WebhookAttempt)] == [young]


def test_an_old_secret_is_removed_once_it_no_longer_signs(
    cast: Cast, receiver: Receiver, listen: Listen
):
    endpoint = listen(receiver.url)
    service.rotate_secret(actor=cast.integrator.actor, key=str(endpoint.id))
    service.purge_old(now=clock.now() + timedelta(hours=23))
    assert endpoint_now(endpoint).previous_secret is not None
    service.purge_old(now=clock.now() + timedelta(hours=25))
    assert endpoint_now(endpoint).previous_secret is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE webhook_attempts SET latency_ms = 0",
        "DELETE FROM webhook_attempts",
        "TRUNCATE webhook_attempts",
        "TRUNCATE webhook_deliveries CASCADE",
    ],
)
def test_the_log_of_attempts_cannot_be_rewritten(
    receiver: Receiver, sender: Sender, listen: Listen, statement: str
):
    staged_for(listen(receiver.url), 1)
    send_all(sender)
    with pytest.raises(IntegrityError, match="append-only"):
        db.session.execute(text(statement))
    db.session.rollback()


@pytest.mark.parametrize(
    "values",
    [
        {"next_attempt_at": None},
        {"delivered_at": clock.now()},
    ],
)
def test_a_delivery_is_in_exactly_one_state(
    receiver: Receiver, listen: Listen, values: dict[str, Any]
):
    staged_for(listen(receiver.url), 1)
    with pytest.raises(IntegrityError, match="one_state"):
        db.session.execute(update(WebhookDelivery).values(**values))
    db.session.rollback()


@pytest.mark.parametrize("events", [[], ["transaction.exploded"]])
def test_the_database_knows_the_events(receiver: Receiver, listen: Listen, events: list[str]):
    listen(receiver.url, events=[EventType.COMPLETED])
    with pytest.raises(IntegrityError, match="events_known"):
        db.session.execute(update(WebhookEndpoint).values(events=events))
    db.session.rollback()
