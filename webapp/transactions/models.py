"""Tables of the heart (ERD 4.1 and DESIGN 3). Events can only be added: the database refuses more."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Row,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.accounts.models import ApiKey, User
from webapp.banking.gateway import BankType, Claim, TransactionType
from webapp.kernel import clock
from webapp.kernel.database import Base
from webapp.kernel.permissions import ActorType
from webapp.transactions.lifecycle import FINAL, Status

STATUS = Enum(Status, name="transaction_status")
BANK = Enum(BankType, name="bank_type")
KIND = Enum(TransactionType, name="transaction_type")


class Transaction(Base):
    """A payment that somebody declared, and what the bank shows of it."""

    __tablename__ = "transactions"
    __table_args__ = (
        # Equals ERD 4.1's UNIQUE(reference, transaction_type): the key is the reference, and NULL once deleted.
        # Within one environment of the bank: a test payment never stands in a real one's way.
        UniqueConstraint(
            "bank_environment",
            "reference_key",
            "transaction_type",
            name="unique_reference_per_type",
        ),
        UniqueConstraint("created_by", "submission_key", name="uq_transactions_submission"),
        # One bank movement pays one transaction, ever; a test payment never stands in a real one's way.
        UniqueConstraint("bank_environment", "matched_movement"),
        CheckConstraint("bank_environment IN ('qa', 'production')", name="bank_environment_known"),
        CheckConstraint(
            "matched_movement IS NULL OR movement_tail IS NOT NULL", name="matched_has_tail"
        ),
        CheckConstraint(
            "(deleted_at IS NULL) = (reference_key IS NOT NULL)", name="key_while_alive"
        ),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("reference ~ '^[0-9]{6,20}$'", name="reference_digits"),
        CheckConstraint("customer_phone ~ '^04[0-9]{9}$'", name="phone_spelling"),
        CheckConstraint("customer_national_id ~ '^[VE][0-9]{4,8}$'", name="national_id_spelling"),
        CheckConstraint(
            "transaction_id ~ '^[A-Za-z0-9_-]{1,100}$'", name="transaction_id_spelling"
        ),
        Index("idx_transactions_transaction_id", "transaction_id"),
        Index("idx_transactions_status", "status"),
        Index("idx_transactions_created_at_status", "created_at", "status"),
        Index("idx_transactions_reference", "reference"),
        Index("idx_transactions_customer_phone", "customer_phone"),
        Index("idx_transactions_customer_national_id", "customer_national_id"),
        Index(
            "ix_transactions_newest",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        *(
            Index(
                f"ix_transactions_{column}_newest",
                column,
                text("created_at DESC"),
                text("id DESC"),
                postgresql_where=text("deleted_at IS NULL"),
            )
            for column in ("status", "transaction_type", "created_by")
        ),
        Index(
            "ix_transactions_queue",
            text("coalesce(review_since, updated_at)"),
            "id",
            postgresql_where=text("deleted_at IS NULL AND status IN ('TO_REVIEW', 'UNKNOWN')"),
        ),
        Index(
            "ix_transactions_due",
            "bank_environment",
            "next_check_at",
            postgresql_where=text("next_check_at IS NOT NULL AND deleted_at IS NULL"),
        ),
        Index(
            "ix_transactions_last_digits",
            func.reverse(text("reference")).label("last_digits"),
            postgresql_ops={"last_digits": "text_pattern_ops"},
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_transactions_name",
            "customer_name_search",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_transactions_name_words", "name_words", postgresql_using="gin"),
        Index(
            "ix_transactions_movement_tail",
            "movement_tail",
            postgresql_where=text("movement_tail IS NOT NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    transaction_id: Mapped[str] = mapped_column(String(100), unique=True)
    id_assigned: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """True where the app chose the transaction_id: the bank then knows only the reference."""
    status: Mapped[Status] = mapped_column(
        STATUS, default=Status.IN_PROGRESS, server_default="IN_PROGRESS"
    )
    bank: Mapped[BankType] = mapped_column(BANK)
    transaction_type: Mapped[TransactionType] = mapped_column(
        KIND, default=TransactionType.TRANSACTION, server_default="TRANSACTION"
    )
    reference: Mapped[str] = mapped_column(String(20))
    reference_key: Mapped[str | None] = mapped_column(String(60))
    customer_full_name: Mapped[str] = mapped_column(String(255))
    customer_name_search: Mapped[str] = mapped_column(String(255))
    """The name without accents and capitals."""
    name_words: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed("to_tsvector('simple', customer_name_search)", persisted=True),
        deferred=True,
    )
    customer_phone: Mapped[str] = mapped_column(String(11))
    customer_national_id: Mapped[str] = mapped_column(String(10))
    concept: Mapped[str | None] = mapped_column(Text)
    amount: Mapped[Decimal | None] = mapped_column(Numeric(18, 2))
    currency: Mapped[str] = mapped_column(String(3), default="VES", server_default="VES")
    payer_bank: Mapped[str | None] = mapped_column(String(4))
    operation_date: Mapped[date | None]
    receiving_account: Mapped[str | None] = mapped_column(String(20))
    """Our account in force at logging, where this kind of payment is searched in it; never shown."""
    bank_environment: Mapped[str] = mapped_column(String(20), server_default="qa")
    """The bank's environment in force at logging (`qa`, `production`); the database keeps it for good."""
    bank_reference: Mapped[str | None] = mapped_column(String(50))
    bank_amount: Mapped[Decimal | None] = mapped_column(Numeric(18, 2))
    shown_movement: Mapped[str | None] = mapped_column(String(120))
    """The one movement that the bank last showed for what is declared; it pays only once matched."""
    shown_movements: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'")
    )
    """Every credit that the bank last showed, read (see `movements`)."""
    matched_movement: Mapped[str | None] = mapped_column(String(120))
    """The movement that pays this; no other transaction of the same environment has it."""
    movement_tail: Mapped[str | None] = mapped_column(String(6))
    """What all spellings of the matched movement's reference end with."""
    banesco_payload: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'")
    )

    metadata_: Mapped[dict[str, Any]] = mapped_column(
        "metadata", JSONB, default=dict, server_default=text("'{}'")
    )
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(
        default=clock.now, onupdate=clock.now, server_default=text("now()")
    )
    deleted_at: Mapped[datetime | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    updated_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    """The person who last declared something of it: who logged it, until somebody corrects it."""

    submission_key: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))
    next_check_at: Mapped[datetime | None]
    checking_until: Mapped[datetime | None]
    """Until when one process alone may ask the bank about it; should that process die, others may from then on."""
    last_checked_at: Mapped[datetime | None]
    waiting_since: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    """When what is now declared began to wait for the bank."""
    review_since: Mapped[datetime | None]
    """When it began to wait for a decision; asking the bank again meanwhile changes nothing."""

    creator: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[created_by])
    events: Mapped[list[TransactionEvent]] = relationship(
        lazy="raise", order_by="TransactionEvent.position", back_populates="transaction"
    )

    @property
    def is_final(self) -> bool:
        """Tell whether it is decided, so that only reopening changes its status."""
        return self.status in FINAL

    @property
    def has_ended(self) -> bool:
        """Tell whether it was deleted or rejected, so that what paid it may be freed for another payment."""
        return self.deleted_at is not None or self.status is Status.CANCELED

    @property
    def holds_movement(self) -> bool:
        """Tell whether a movement ever paid it that was not freed since."""
        return self.movement_tail is not None

    @property
    def kept_movements(self) -> list[dict[str, Any]]:
        """Return what pays a reopened payment, as `movements.as_json` wrote it; empty for others."""
        return list(self.metadata_.get("kept_movements", []))

    @kept_movements.setter
    def kept_movements(self, kept: list[dict[str, Any]]) -> None:
        if kept != self.kept_movements:
            self.metadata_ = {**self.metadata_, "kept_movements": kept}

    @property
    def edited_by(self) -> set[str]:
        """Return the ids of everybody who ever declared something of it: who logged it, and who corrected it."""
        return {*self.metadata_.get("edited_by", []), str(self.updated_by)}

    def remember_editor(self, user_id: uuid.UUID | None) -> None:
        """Add somebody to `edited_by`."""
        editors = self.edited_by | {str(user_id)}
        self.metadata_ = {**self.metadata_, "edited_by": sorted(editors)}

    @property
    def key_makers(self) -> set[str]:
        """Return the ids of the people who made the keys with which it was logged or corrected."""
        return set(self.metadata_.get("key_makers", []))

    def remember_key_makers(self, makers: Iterable[uuid.UUID]) -> None:
        """Add the makers of the key with which it is logged or corrected to `key_makers`."""
        together = self.key_makers | {str(maker) for maker in makers}
        if together:
            self.metadata_ = {**self.metadata_, "key_makers": sorted(together)}

    @property
    def declared_by(self) -> set[str]:
        """Return the ids of everybody who counts as having logged or corrected it, makers of keys included."""
        return {str(self.created_by), *self.edited_by, *self.key_makers}

    @property
    def reopened_by(self) -> set[str]:
        """Return the ids of everybody who counts as having reopened it."""
        return set(self.metadata_.get("reopened_by", []))

    def remember_reopeners(self, eyes: Iterable[uuid.UUID]) -> None:
        """Add the people who count as having reopened it to `reopened_by`."""
        reopeners = self.reopened_by | {str(one) for one in eyes}
        self.metadata_ = {**self.metadata_, "reopened_by": sorted(reopeners)}

    def as_claim(self) -> Claim:
        """Return what the bank is asked about."""
        return claim_of(self)


def claim_of(payment: Transaction | Row[Any]) -> Claim:
    """Return what the bank is asked about a payment, or about a row with its columns."""
    return Claim(
        reference=payment.reference,
        bank=payment.bank,
        transaction_type=payment.transaction_type,
        own_key=None if payment.id_assigned else payment.transaction_id,
        amount=payment.amount,
        currency=payment.currency,
        phone=payment.customer_phone,
        national_id=payment.customer_national_id,
        payer_bank=payment.payer_bank,
        operation_date=payment.operation_date,
        receiving_account=payment.receiving_account,
    )


class TransactionEvent(Base):
    """One thing that happened to a transaction; never changed, never removed."""

    __tablename__ = "transaction_events"
    __table_args__ = (
        CheckConstraint("actor_type IN ('USER', 'SYSTEM', 'EXTERNAL')", name="actor_type_known"),
        Index("idx_transaction_events_transaction_id", "transaction_id"),
        Index("idx_transaction_events_created_at", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """The order in which events were written."""
    transaction_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("transactions.id", ondelete="CASCADE")
    )
    old_status: Mapped[Status | None] = mapped_column(STATUS)
    new_status: Mapped[Status] = mapped_column(STATUS)
    reason: Mapped[str | None] = mapped_column(Text)
    actor_type: Mapped[str] = mapped_column(
        String(20), default=ActorType.USER.value, server_default="USER"
    )
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    key_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The key with which the actor acted; none for a sign-in."""
    metadata_: Mapped[dict[str, Any]] = mapped_column(
        "metadata", JSONB, default=dict, server_default=text("'{}'")
    )
    created_at: Mapped[datetime] = mapped_column(
        default=clock.now, server_default=text("clock_timestamp()")
    )

    transaction: Mapped[Transaction] = relationship(lazy="raise", back_populates="events")
    actor: Mapped[User | None] = relationship(lazy="raise")
    key: Mapped[ApiKey | None] = relationship(lazy="raise")
