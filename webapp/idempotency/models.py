"""The table of idempotency keys."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.kernel import clock
from webapp.kernel.database import Base


class IdempotencyKey(Base):
    """One request with an Idempotency-Key: still being processed, or with its answer."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("(status IS NULL) = (body IS NULL)", name="answer_whole"),
        CheckConstraint("status BETWEEN 200 AND 499", name="status_kept"),
        Index("ix_idempotency_keys_expires_at", "expires_at"),
    )

    owner_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    route: Mapped[str] = mapped_column(String(200))
    """Method and rule of the request, without the values in its path."""
    request_digest: Mapped[str] = mapped_column(String(64))
    lease: Mapped[uuid.UUID]
    """The attempt that holds the key: no other may keep the answer or release the key."""
    leased_until: Mapped[datetime]
    """When the lease expires, so that another attempt may begin."""
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    body: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    expires_at: Mapped[datetime]
