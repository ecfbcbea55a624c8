"""Fixtures of the webhooks: receivers, a sender, and endpoints."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.support.people import Cast, Person
from tests.support.receivers import Names, Receiver, receiving
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.webhooks import service
from webapp.webhooks.addresses import Addresses
from webapp.webhooks.delivery import deliver_due
from webapp.webhooks.events import EventType
from webapp.webhooks.models import WebhookDelivery, WebhookEndpoint
from webapp.webhooks.sending import Sender

ANYWHERE = Addresses(allow_private=True, resolve=Names(["127.0.0.1"]))
Listen = Callable[..., WebhookEndpoint]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a program that receives messages."""
    with receiving() as program:
        yield program


@pytest.fixture
def other_receiver() -> Iterator[Receiver]:
    """Run a second program that receives messages."""
    with receiving() as program:
        yield program


@pytest.fixture
def sender() -> Sender:
    """Return a sender for which every name leads to loopback, as the development setting allows."""
    return Sender(ANYWHERE, seconds=5)


@pytest.fixture
def listen(app: Flask, cast: Cast) -> Listen:
    """Return a function that registers an endpoint, by default the integrator's and for every event."""

    def register(url: str, *, owner: Person | None = None, **changes: Any) -> WebhookEndpoint:
        given: dict[str, Any] = {"events": list(EventType), "addresses": ANYWHERE, **changes}
        person = owner or cast.integrator
        return service.register(actor=person.actor, url=url, **given)

    return register


def deliveries() -> list[WebhookDelivery]:
    """Return every delivery in its present state, oldest first."""
    query = select(WebhookDelivery).order_by(WebhookDelivery.created_at, WebhookDelivery.id)
    rows = list(db.session.scalars(query.execution_options(populate_existing=True)))
    db.session.rollback()
    return rows


def endpoint_now(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Return the endpoint in its present state."""
    found = db.session.get(WebhookEndpoint, endpoint.id, populate_existing=True)
    db.session.rollback()
    assert found is not None
    return found


def let_time_pass() -> None:
    """Make every pending delivery due, and end every lease and pause."""
    db.session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.next_attempt_at.is_not(None))
        .values(next_attempt_at=clock.now())
    )
    db.session.execute(update(WebhookEndpoint).values(busy_until=None))
    db.session.commit()


def staged_for(endpoint: WebhookEndpoint, count: int) -> list[uuid.UUID]:
    """Stage several messages for one endpoint, due now; return their ids."""
    rows = [
        WebhookDelivery(
            id=uuid.uuid4(),
            endpoint_id=endpoint.id,
            event_type=EventType.COMPLETED.value,
            payload={"type": EventType.COMPLETED.value, "data": {"number": number}},
            next_attempt_at=clock.now(),
        )
        for number in range(count)
    ]
    db.session.add_all(rows)
    db.session.commit()
    return [row.id for row in rows]


def send_all(sender: Sender) -> int:
    """Send everything that is due now; return how many attempts that took."""
    attempts = 0
    while deliver_due(sender=sender):
        attempts += 1
    return attempts
