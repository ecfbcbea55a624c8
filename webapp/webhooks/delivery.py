"""Send the messages that are due: lease one, send it with no unit of work open, record how it went.

One message at a time is on its way to one endpoint, over all workers and machines, so a slow receiver never
occupies more than one sender. The lease of an endpoint expires by itself when its worker dies.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import (
    Connection,
    DateTime,
    Insert,
    Integer,
    UpdateBase,
    bindparam,
    case,
    insert,
    literal,
    null,
    select,
    update,
)

from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.metrics import WEBHOOK_DELIVERIES
from webapp.webhooks import queries, retry_schedule, service
from webapp.webhooks.events import DisabledReason, Failure
from webapp.webhooks.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    secrets_in_force,
)
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
    until = now + LEASE_LENGTH
    with _each_statement_alone() as connection:
        row = connection.execute(_LEASE[healthy_only], {"now": now, "until": until}).first()
    if row is None:
        return None
    message = Message(
        id=str(row.id),
        url=row.url,
        body=json.dumps(row.payload, ensure_ascii=False, separators=(",", ":")).encode(),
        signing_secrets=secrets_in_force(
            row.secret, row.previous_secret, row.previous_secret_expires_at, now
        ),
    )
    return LeasedMessage(row.id, row.endpoint_id, until, message)


def _lease_statement(*, healthy_only: bool) -> UpdateBase:
    """Choose an endpoint, then its next message, count the attempt and lease the endpoint, all in one statement.

    Rows that another worker changes at this moment are looked at again once they are locked.
    """
    now = bindparam("now", type_=DateTime(timezone=True))
    chosen = (
        queries.endpoints_with_due(now, healthy_only=healthy_only)
        .with_only_columns(WebhookEndpoint.id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True, of=WebhookEndpoint)
        .cte("chosen")
    )
    message = (
        queries.due_deliveries(select(chosen.c.id).scalar_subquery(), now)
        .with_only_columns(WebhookDelivery.id, WebhookDelivery.endpoint_id, WebhookDelivery.payload)
        .limit(1)
        .with_for_update()
        .cte("message")
    )
    counted = (
        update(WebhookDelivery)
        .where(WebhookDelivery.id == message.c.id)
        .values(attempts=WebhookDelivery.attempts + 1)
        .returning(WebhookDelivery.id)
        .cte("counted")
    )
    return (
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == message.c.endpoint_id)
        .values(busy_until=bindparam("until", type_=DateTime(timezone=True)), last_attempt_at=now)
        .returning(
            message.c.id,
            message.c.endpoint_id,
            message.c.payload,
            WebhookEndpoint.url,
            WebhookEndpoint.secret,
            WebhookEndpoint.previous_secret,
            WebhookEndpoint.previous_secret_expires_at,
        )
        .add_cte(counted)
    )


_LEASE = {
    healthy_only: _lease_statement(healthy_only=healthy_only) for healthy_only in (False, True)
}


@contextmanager
def _each_statement_alone() -> Iterator[Connection]:
    """Yield a connection on which every statement is a unit of work of its own."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def _delivered_statement() -> Insert:
    """Record an attempt that succeeded in one statement: the endpoint first, as everywhere, then the delivery."""
    now = bindparam("now", type_=DateTime(timezone=True))
    # Parameters that were named like columns would be taken for values to set.
    held = WebhookEndpoint.busy_until == bindparam("until", type_=DateTime(timezone=True))
    endpoint = (
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == bindparam("the_endpoint_id"))
        .values(
            failing_since=None, busy_until=case((held, null()), else_=WebhookEndpoint.busy_until)
        )
        .returning(WebhookEndpoint.id)
        .cte("endpoint")
    )
    delivery = (
        update(WebhookDelivery)
        .where(
            WebhookDelivery.id == bindparam("the_delivery_id"),
            WebhookDelivery.endpoint_id == select(endpoint.c.id).scalar_subquery(),
        )
        .values(delivered_at=now, next_attempt_at=None, gave_up_at=None)
        .returning(WebhookDelivery.id)
        .cte("delivery")
    )
    attempt = select(
        delivery.c.id,
        bindparam("the_attempted_at", type_=DateTime(timezone=True)),
        literal(True),
        bindparam("the_http_status", type_=Integer),
        bindparam("the_latency_ms", type_=Integer),
    )
    columns = ["delivery_id", "attempted_at", "delivered", "http_status", "latency_ms"]
    return insert(WebhookAttempt).from_select(columns, attempt).returning(WebhookAttempt.id)


_DELIVERED = _delivered_statement()


def record_attempt(leased: LeasedMessage, result: Result) -> None:
    """Record an attempt and schedule what follows, in one commit.

    After the lease expired another worker may be sending the message, so a failure changes nothing. Where endpoint or
    delivery were removed meanwhile, nothing is recorded.
    """
    if result.failure is None:
        _record_success(leased, result)
        return
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
            delivered=False,
            http_status=result.http_status,
            failure=result.failure.value,
            latency_ms=result.latency_ms,
        )
    )
    if endpoint.busy_until == leased.until:
        _note_failure(endpoint, delivery, result, now)
    db.session.commit()
    _report_failure(endpoint, delivery, result, result.failure)


def _record_success(leased: LeasedMessage, result: Result) -> None:
    now = clock.now()
    values = {
        "now": now,
        "until": leased.until,
        "the_endpoint_id": leased.endpoint_id,
        "the_delivery_id": leased.delivery_id,
        "the_attempted_at": now - timedelta(milliseconds=result.latency_ms),
        "the_http_status": result.http_status,
        "the_latency_ms": result.latency_ms,
    }
    with _each_statement_alone() as connection:
        recorded = connection.execute(_DELIVERED, values).first()
    if recorded is not None:
        WEBHOOK_DELIVERIES.labels("delivered").inc()


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


def _report_failure(
    endpoint: WebhookEndpoint, delivery: WebhookDelivery, result: Result, failure: Failure
) -> None:
    """Count and log an attempt that failed, by ids only: addresses can carry keys."""
    WEBHOOK_DELIVERIES.labels("failed").inc()
    if delivery.gave_up_at:
        WEBHOOK_DELIVERIES.labels("gave_up").inc()
    log.warning(
        "webhook_failed",
        webhook=str(endpoint.id),
        delivery=str(delivery.id),
        attempts=delivery.attempts,
        failure=failure.value,
        status=result.http_status,
        gave_up=delivery.gave_up_at is not None,
    )
    if endpoint.disabled_reason in (DisabledReason.GONE, DisabledReason.FAILING):
        log.error("webhook_disabled", webhook=str(endpoint.id), reason=endpoint.disabled_reason)
