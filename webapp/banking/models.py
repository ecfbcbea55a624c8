"""Tables of the bank: the evidence of every call, and whether the bank is answering."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.kernel.database import Base


class BankCall(Base):
    """One call to the bank: written before it is made, completed when it has ended, unchangeable then.

    The limit of calls counts these rows by their subject, so it holds over crashes and machines.
    """

    __tablename__ = "bank_calls"
    __table_args__ = (
        Index("ix_bank_calls_transaction_id_requested_at", "transaction_id", "requested_at"),
        Index(
            "ix_bank_calls_subject_requested_at",
            "subject",
            "requested_at",
            postgresql_where=text("subject IS NOT NULL"),
        ),
        Index("ix_bank_calls_requested_at", "requested_at"),
        Index("ix_bank_calls_environment_requested_at", "environment", "requested_at"),
        Index("ix_bank_calls_operation_requested_at", "operation", "requested_at"),
        Index("ix_bank_calls_outcome_requested_at", "outcome", "requested_at"),
        Index(
            "ix_bank_calls_operation_outcome_requested_at", "operation", "outcome", "requested_at"
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    transaction_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("transactions.id"))
    """The payment that the call was made for; the same question may be asked for several."""
    subject: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 (hex) of what the bank is asked about; NULL for tokens and for calls recorded before migration 0010."""
    environment: Mapped[str] = mapped_column(String(20))
    dialect: Mapped[str] = mapped_column(String(20))
    operation: Mapped[str] = mapped_column(String(30))
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    requested_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    gives_up_at: Mapped[datetime]
    """The latest moment at which the call can still reach the bank, if our process dies meanwhile."""
    completed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    http_status: Mapped[int | None]
    bank_code: Mapped[str | None] = mapped_column(String(50))
    detail: Mapped[str | None] = mapped_column(String(200))
    response: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    latency_ms: Mapped[int | None]
    digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 (hex) of the reply's body as received; NULL where none came."""


class BankHealth(Base):
    """Whether the bank is answering: one row per environment, updated by every call that ends."""

    __tablename__ = "bank_health"

    environment: Mapped[str] = mapped_column(String(20), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How many calls in a row were not answered."""
    failing_since: Mapped[datetime | None]
    next_probe_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
