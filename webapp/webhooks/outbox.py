"""The outbox: messages are stored in the same commit as the change that they announce, so both happen or neither."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, DateTime, String, any_, cast, insert, literal, select

from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.webhooks.events import TEST_EVENT, EventType
from webapp.webhooks.models import WebhookDelivery, WebhookEndpoint
from webapp.webhooks.queries import accepts_deliveries


def stage(event_type: EventType, data: Mapping[str, Any]) -> None:
    """Stage one delivery for each endpoint that subscribes to the event, inside the caller's unit of work.

    It is one statement, which adds nothing where nobody subscribes. `data` must hold no personal data.
    """
    now = clock.now()
    moment = cast(literal(now), DateTime(timezone=True))
    subscribers = (
        select(
            WebhookEndpoint.id,
            cast(literal(event_type.value), String),
            cast(literal(_payload(event_type.value, data), JSON), JSON),
            moment,
            moment,
        )
        .where(accepts_deliveries(), literal(event_type.value) == any_(WebhookEndpoint.events))
        # Waits for an endpoint that is being deleted and leaves it out: a delivery to it would violate its foreign key.
        .with_for_update(read=True, key_share=True, of=WebhookEndpoint)
    )
    columns = ["endpoint_id", "event_type", "payload", "created_at", "next_attempt_at"]
    # On the connection, not the session, which would first flush what the caller has not finished changing.
    db.session.connection().execute(
        insert(WebhookDelivery).from_select(columns, subscribers, include_defaults=False)
    )


def stage_test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Stage a `webhook.test` for one endpoint, inside the caller's unit of work."""
    delivery = WebhookDelivery(
        id=uuid.uuid4(),
        endpoint_id=endpoint.id,
        event_type=TEST_EVENT,
        payload=_payload(TEST_EVENT, {"webhook_id": str(endpoint.id)}),
        next_attempt_at=clock.now(),
        attempts=0,
    )
    db.session.add(delivery)
    return delivery


def _payload(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": event_type, "timestamp": clock.now().isoformat(), "data": dict(data)}
