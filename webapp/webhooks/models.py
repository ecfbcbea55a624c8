"""Tables of the webhooks: endpoints, deliveries and attempts."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import User
from webapp.kernel import clock
from webapp.kernel.database import Base
from webapp.webhooks.events import DeliveryState, EventType

EVENTS = ", ".join(f"'{event.value}'" for event in EventType)


class WebhookEndpoint(Base):
    """An address of another program, the events it subscribes to, and the secrets that sign its messages."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        CheckConstraint(
            f"cardinality(events) > 0 AND events <@ ARRAY[{EVENTS}]::varchar[]", name="events_known"
        ),
        CheckConstraint(
            "(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled_for_a_reason"
        ),
        CheckConstraint(
            "disabled_reason IN ('by_owner', 'gone', 'failing')", name="disabled_reason_known"
        ),
        CheckConstraint(
            "(previous_secret IS NULL) = (previous_secret_expires_at IS NULL)",
            name="previous_secret_ends",
        ),
        Index("ix_webhook_endpoints_user_id", "user_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(2000))
    events: Mapped[list[str]] = mapped_column(ARRAY(String(50)))
    description: Mapped[str] = mapped_column(String(200), default="", server_default="")
    secret: Mapped[str] = mapped_column(String(80))
    """`whsec_…`: kept readable, because it signs; shown to people only when it is made."""
    previous_secret: Mapped[str | None] = mapped_column(String(80))
    """Signs beside the new secret until `previous_secret_expires_at`, so that receivers can change over."""
    previous_secret_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(20))
    failing_since: Mapped[datetime | None]
    """When the first attempt since the last success failed."""
    busy_until: Mapped[datetime | None]
    """Until then a worker holds the lease, or the endpoint pauses after a failure."""
    last_attempt_at: Mapped[datetime | None]

    owner: Mapped[User] = relationship(lazy="raise")

    @property
    def is_active(self) -> bool:
        """Tell whether messages are sent to this endpoint."""
        return self.disabled_at is None


def secrets_in_force(
    secret: str, previous: str | None, previous_ends: datetime | None, now: datetime
) -> tuple[str, ...]:
    """Return the secrets that sign at this moment, the newest first."""
    if previous and previous_ends and previous_ends > now:
        return (secret, previous)
    return (secret,)


class WebhookDelivery(Base):
    """One message to one endpoint; its id is the `webhook-id`, the same in every attempt."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint(
            "num_nonnulls(next_attempt_at, delivered_at, gave_up_at) = 1", name="one_state"
        ),
        Index(
            "ix_webhook_deliveries_pending",
            "endpoint_id",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        Index(
            "ix_webhook_deliveries_newest",
            "endpoint_id",
            text("created_at DESC"),
            text("id DESC"),
        ),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    endpoint_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE")
    )
    event_type: Mapped[str] = mapped_column(String(50))
    payload: Mapped[Any] = mapped_column(JSON)
    """The body of the message, as it was when the event happened."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    next_attempt_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    """Attempts begun since the event, or since it was last redelivered by hand; counted before sending."""
    delivered_at: Mapped[datetime | None]
    gave_up_at: Mapped[datetime | None]

    log: Mapped[list[WebhookAttempt]] = relationship(lazy="raise", order_by="WebhookAttempt.id")

    @property
    def state(self) -> DeliveryState:
        """Return whether the message waits, was delivered, or will not be tried again."""
        if self.delivered_at:
            return DeliveryState.DELIVERED
        return DeliveryState.GAVE_UP if self.gave_up_at else DeliveryState.PENDING


class WebhookAttempt(Base):
    """One finished attempt; never changed, and removed only together with its delivery."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (
        CheckConstraint("delivered = (failure IS NULL)", name="failed_for_a_reason"),
        Index("ix_webhook_attempts_delivery_id", "delivery_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    delivery_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE")
    )
    attempted_at: Mapped[datetime]
    delivered: Mapped[bool]
    http_status: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(String(20))
    latency_ms: Mapped[int]
