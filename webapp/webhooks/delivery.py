"""Sending what is due: claim it, send with no unit of work open, record how it went.

One message at a time is under way to one endpoint, over all workers and machines, so that a slow
receiver takes no more than one place; an endpoint's claim ends by itself when its worker dies.
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

LEASE = timedelta(seconds=60)
"""Longer than sending can take, so that a claim ends by itself only after a death."""
REST = timedelta(seconds=5)
"""How long an endpoint is left alone after an attempt that failed."""
FAILING_TOO_LONG = timedelta(days=5)


@dataclass(frozen=True)
class Claimed:
    """A message that this process alone may send for now."""

    delivery_id: uuid.UUID
    endpoint_id: uuid.UUID
    until: datetime
    message: Message


def deliver_due(*, sender: Sender, sound_only: bool = False) -> bool:
    """Send the next message that is due; False where nothing is.

    `sound_only`: only to endpoints whose last attempt did not fail, so that those that hang
    never take every place.
    """
    claimed = claim(sound_only=sound_only)
    if claimed is None:
        return False
    record(claimed, sender.send(claimed.message))
    return True


def claim(*, sound_only: bool = False) -> Claimed | None:
    """Take the next message, of the endpoint that was left alone the longest.

    The attempt counts from here on: a message that kills its worker is not tried for ever.
    """
    now = clock.now()
    endpoint = db.session.scalar(
        queries.endpoints_with_due(now, sound_only=sound_only)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True, of=WebhookEndpoint)
        .execution_options(populate_existing=True)
    )
    delivery = _next_due(endpoint.id, now) if endpoint else None
    if endpoint is None or delivery is None:
        db.session.rollback()
        return None
    endpoint.busy_until = now + LEASE
    endpoint.last_attempt_at = now
    delivery.attempts += 1
    claimed = Claimed(delivery.id, endpoint.id, now + LEASE, _message(endpoint, delivery, now))
    db.session.commit()
    return claimed


def _next_due(endpoint_id: uuid.UUID, now: datetime) -> WebhookDelivery | None:
    return db.session.scalar(
        queries.next_due(endpoint_id, now)
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


def record(claimed: Claimed, result: Result) -> None:
    """Write the attempt down and decide what follows, in one commit.

    Where the claim ran out and somebody else sends the message by now, a failure decides nothing;
    where endpoint or delivery were removed meanwhile, there is nothing left to record.
    """
    now = clock.now()
    endpoint = queries.locked_endpoint(claimed.endpoint_id)
    delivery = queries.locked_delivery(claimed.delivery_id)
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
    holds = endpoint.busy_until == claimed.until
    if result.failure is None:
        _delivered(endpoint, delivery, now, holds=holds)
    elif holds:
        _failed(endpoint, delivery, result, now)
    db.session.commit()
    _tell(endpoint, delivery, result)


def _delivered(
    endpoint: WebhookEndpoint, delivery: WebhookDelivery, now: datetime, *, holds: bool
) -> None:
    delivery.delivered_at, delivery.next_attempt_at, delivery.gave_up_at = now, None, None
    endpoint.failing_since = None
    if holds:
        endpoint.busy_until = None


def _failed(
    endpoint: WebhookEndpoint, delivery: WebhookDelivery, result: Result, now: datetime
) -> None:
    endpoint.busy_until = now + REST
    endpoint.failing_since = endpoint.failing_since or now
    delay = retry_schedule.delay_after(delivery.attempts, result.retry_after)
    if result.gone:
        service.disable(endpoint, DisabledReason.GONE)
        delay = None
    elif now - endpoint.failing_since >= FAILING_TOO_LONG:
        service.disable(endpoint, DisabledReason.FAILING)
    if delivery.next_attempt_at is None:
        return  # an earlier attempt that was taken for dead did deliver it
    delivery.next_attempt_at = now + delay if delay else None
    delivery.gave_up_at = None if delay else now


def _tell(endpoint: WebhookEndpoint, delivery: WebhookDelivery, result: Result) -> None:
    """Count and log, by ids only: addresses can carry keys."""
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
