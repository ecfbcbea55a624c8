"""Send the messages that are due: lease one, send it with no unit of work open, record how it went.

One message at a time is on its way to one endpoint, over all workers and machines, so a slow receiver never
occupies more than one sender. The lease of an endpoint expires by itself when its worker dies.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.metrics import WEBHOOK_DELIVERIES
from webapp.webhooks import queries, retry_schedule, service
from webapp.webhooks.events import DisabledReason
from webapp.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webapp.webhooks.sending import Message, Result, Sender

log = structlog.get_logger(__name__)

LEASE_LENGTH = timedelta(seconds=60)
"""Longer than sending can take, so that a lease expires only where its worker died."""
PAUSE_AFTER_FAILURE = timedelta(seconds=5)
"""How long nothing is sent to an endpoint after a failed attempt."""
DISABLED_AFTER = timedelta(days=5)
"""How long an endpoint may fail before it is disabled."""


@dataclass(frozen=True)
class LeasedMessage:
    """A message that this process alone may send until the lease expires."""

    delivery_id: uuid.UUID
    endpoint_id: uuid.UUID
    until: datetime
    message: Message


def deliver_due(*, sender: Sender, healthy_only: bool = False) -> bool:
    """Send the next message that is due; return False where none is.

    `healthy_only` leaves out endpoints whose last attempt failed, so that receivers that hang never occupy every
    sender.
    """
    leased = lease_next(healthy_only=healthy_only)
    if leased is None:
        return False
    record_attempt(leased, sender.send(leased.message))
    return True


def lease_next(*, healthy_only: bool = False) -> LeasedMessage | None:
    """Lease the next message of the endpoint whose last attempt is the longest ago; None where nothing is due.

    The attempt is counted here, before it is made, so that a message that kills its worker is not tried for ever.
    """
    now = clock.now()
    endpoint = db.session.scalar(
        queries.endpoints_with_due(now, healthy_only=healthy_only)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True, of=WebhookEndpoint)
        .execution_options(populate_existing=True)
    )
    delivery = _next_due(endpoint.id, now) if endpoint else None
    if endpoint is None or delivery is None:
        db.session.rollback()
        return None
    endpoint.busy_until = now + LEASE_LENGTH
    endpoint.last_attempt_at = now
    delivery.attempts += 1
    message = _message(endpoint, delivery, now)
    leased = LeasedMessage(delivery.id, endpoint.id, endpoint.busy_until, message)
    db.session.commit()
    return leased


def _next_due(endpoint_id: uuid.UUID, now: datetime) -> WebhookDelivery | None:
    return db.session.scalar(
        queries.due_deliveries(endpoint_id, now)
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _message(endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: datetime) -> Message:
    return Message(
        id=str(delivery.id),
        url=endpoint.url,
        body=json.dumps(delivery.payload, ensure_ascii=False, separators=(",", ":")).encode(),
        signing_secrets=endpoint.signing_secrets(now),
    )


def record_attempt(leased: LeasedMessage, result: Result) -> None:
    """Record an attempt and schedule what follows, in one commit.

    After the lease expired another worker may be sending the message, so a failure changes nothing. Where endpoint or
    delivery were removed meanwhile, nothing is recorded.
    """
    now = clock.now()
    endpoint = queries.locked_endpoint(leased.endpoint_id)
    delivery = queries.locked_delivery(leased.delivery_id)
    if endpoint is None or delivery is None:
        db.session.rollback()
        return
    db.session.add(
        WebhookAttempt(
            delivery_id=delivery.id,
            attempted_at=now - timedelta(milliseconds=result.latency_ms),
            delivered=result.failure is None,
            http_status=result.http_status,
            failure=result.failure.value if result.failure else None,
            latency_ms=result.latency_ms,
        )
    )
    holds_lease = endpoint.busy_until == leased.until
    if result.failure is None:
        _note_success(endpoint, delivery, now, holds_lease=holds_lease)
    elif holds_lease:
        _note_failure(endpoint, delivery, result, now)
    db.session.commit()
    _report(endpoint, delivery, result)


def _note_success(
    endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: datetime, *, holds_lease: bool
) -> None:
    delivery.delivered_at, delivery.next_attempt_at, delivery.gave_up_at = now, None, None
    endpoint.failing_since = None
    if holds_lease:
        endpoint.busy_until = None


def _note_failure(
    endpoint: WebhookEndpoint, delivery: WebhookDelivery, result: Result, now: datetime
) -> None:
    endpoint.busy_until = now + PAUSE_AFTER_FAILURE
    endpoint.failing_since = endpoint.failing_since or now
    delay = retry_schedule.delay_after(delivery.attempts, result.retry_after)
    if result.gone:
        service.disable(endpoint, DisabledReason.GONE)
        delay = None
    elif now - endpoint.failing_since >= DISABLED_AFTER:
        service.disable(endpoint, DisabledReason.FAILING)
    if delivery.next_attempt_at is None:
        return  # an earlier attempt, whose lease had expired, delivered it
    delivery.next_attempt_at = now + delay if delay else None
    delivery.gave_up_at = None if delay else now


def _report(endpoint: WebhookEndpoint, delivery: WebhookDelivery, result: Result) -> None:
    """Count and log an attempt, by ids only: addresses can carry keys."""
    WEBHOOK_DELIVERIES.labels("failed" if result.failure else "delivered").inc()
    if delivery.gave_up_at:
        WEBHOOK_DELIVERIES.labels("gave_up").inc()
    if result.failure is None:
        return
    log.warning(
        "webhook_failed",
        webhook=str(endpoint.id),
        delivery=str(delivery.id),
        attempts=delivery.attempts,
        failure=result.failure.value,
        status=result.http_status,
        gave_up=delivery.gave_up_at is not None,
    )
    if endpoint.disabled_reason in (DisabledReason.GONE, DisabledReason.FAILING):
        log.error("webhook_disabled", webhook=str(endpoint.id), reason=endpoint.disabled_reason)
