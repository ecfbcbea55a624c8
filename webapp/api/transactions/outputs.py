"""What integrators are answered about payments (ERD 5.2, DESIGN 6): pydantic models, which document as well."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from sqlalchemy import Row

from webapp.api.contract import formats, samples
from webapp.api.fields import (
    Id,
    StoredAmount,
)
from webapp.api.problems import Problem
from webapp.banking.gateway import BankType, Claim, Movement, TransactionType
from webapp.transactions import matching, movements, wording
from webapp.transactions.lifecycle import DECIDABLE, Status
from webapp.transactions.matching import Reason as StoredReason
from webapp.transactions.matching import ReasonCode
from webapp.transactions.models import Transaction, TransactionEvent, claim_of

Payment = Transaction | Row[Any]
"""A payment, or a row with its columns (`webapp.transactions.reading`)."""


class CustomerOut(BaseModel):
    """A customer as stored."""

    full_name: str
    phone: Annotated[str, WithJsonSchema(formats.STORED_PHONE)]
    national_id: Annotated[str, WithJsonSchema(formats.STORED_NATIONAL_ID)]
    concept: str | None


class ReasonOut(BaseModel):
    """Why a payment stands where it stands; beside `code` and `detail`, the values that the reason is about."""

    model_config = ConfigDict(extra="allow")

    code: ReasonCode
    detail: str


class MovementOut(BaseModel):
    """A credit that the bank shows for a payment that waits for a decision."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    identity: str
    """Its name, for `movement` of a decision."""
    reference: str | None
    amount: StoredAmount | None
    currency: str | None
    operation_date: date | None
    time: str | None
    """As the bank writes it."""
    concept: str | None
    differences: list[ReasonOut]
    """In what it contradicts the payment; empty where it fits."""


class TransactionOut(BaseModel):
    """A payment (ERD 5.2, TransactionResponse)."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, json_schema_extra={"examples": [samples.TRANSACTION]}
    )

    id: Id
    transaction_id: str
    status: Status
    bank: BankType
    transaction_type: TransactionType
    reference: Annotated[str, Field(pattern="^[0-9]{1,20}$")]
    customer: CustomerOut
    amount: StoredAmount | None
    currency: str
    payer_bank: Annotated[str, Field(pattern="^[0-9]{4}$")] | None
    operation_date: date | None
    bank_amount: StoredAmount | None
    bank_reference: str | None
    reasons: list[ReasonOut]
    banesco_details: dict[str, Any] | None
    """What the bank answered; null for those who neither review nor administer."""
    movements: list[MovementOut] | None
    """What a decision can be about: every credit that the bank shows, empty where nothing is to be decided; null
    for those who neither review nor administer."""
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, payment: Payment, *, evidence: bool) -> TransactionOut:
        """Describe a payment as `content` does, as a model."""
        return cls.model_validate(content(payment, evidence=evidence))


def content(payment: Payment, *, evidence: bool) -> dict[str, Any]:
    """Return what a TransactionOut holds: what is stored needs no validation.

    `evidence` tells whether its reader may see what the bank answered.
    """
    payload = payment.banesco_payload if evidence else None
    return {
        "id": str(payment.id),
        "transaction_id": payment.transaction_id,
        "status": payment.status,
        "bank": payment.bank,
        "transaction_type": payment.transaction_type,
        "reference": payment.reference,
        "customer": {
            "full_name": payment.customer_full_name,
            "phone": payment.customer_phone,
            "national_id": payment.customer_national_id,
            "concept": payment.concept,
        },
        "amount": _decimal(payment.amount),
        "currency": payment.currency,
        "payer_bank": payment.payer_bank,
        "operation_date": payment.operation_date,
        "bank_amount": _decimal(payment.bank_amount),
        "bank_reference": payment.bank_reference,
        "reasons": reasons(payment.reasons),
        "banesco_details": payload if isinstance(payload, dict) else None,
        "movements": _movements(payment) if evidence else None,
        "version": payment.version,
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
    }


def _decimal(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"


def reasons(stored: Iterable[StoredReason]) -> list[dict[str, Any]]:
    """Return what a ReasonOut holds of each of some reasons: its code, its sentence, its values."""
    return [
        {"code": reason["code"], "detail": wording.in_words(reason), **_values(reason)}
        for reason in stored
    ]


def _values(reason: StoredReason) -> dict[str, Any]:
    return {name: value for name, value in reason.items() if name not in ("code", "detail")}


def _movements(payment: Payment) -> list[dict[str, Any]]:
    """Return what a MovementOut holds of each movement that the bank shows, where a decision is to be made."""
    if payment.status not in DECIDABLE:
        return []
    claim = claim_of(payment)
    return [_movement(movements.from_json(one), claim) for one in payment.shown_movements]


def _movement(shown: Movement, claim: Claim) -> dict[str, Any]:
    return {
        "identity": shown.identity,
        "reference": shown.reference,
        "amount": _decimal(shown.amount),
        "currency": shown.currency,
        "operation_date": shown.day,
        "time": shown.time,
        "concept": shown.concept,
        "differences": reasons(matching.differences(claim, shown)),
    }


class BatchItemOut(BaseModel):
    """What became of one payment of a batch: it, or the problem that kept it out."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    index: int
    """Its place among the items sent, from 0."""
    status: int
    """As POST /transactions would have answered: 201, 200 or a refusal."""
    transaction: TransactionOut | None = None
    problem: Problem | None = None


class BatchOut(BaseModel):
    """What became of each payment of a batch, in the order of the items."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, json_schema_extra={"examples": [samples.BATCH]}
    )

    items: list[BatchItemOut]
    created: int
    stored: int
    """Those that stood already, whether they were changed or not."""
    refused: int


class TransactionList(BaseModel):
    """One page of payments (ERD 5.2, TransactionListResponse)."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.PAGE]})

    items: list[TransactionOut]
    total: int
    page: int
    size: int
    pages: int
    next_cursor: str | None
    """From where to go on; rows inserted meanwhile do not move it. None after the last row."""


class TransactionStretch(BaseModel):
    """The payments that follow a cursor, newest first; how many there are in all is not counted."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.STRETCH]})

    items: list[TransactionOut]
    size: int
    next_cursor: str | None


class StatusOut(BaseModel):
    """Where a payment stands, and whether the bank was asked for this answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.STATUS]})

    id: Id
    transaction_id: str
    status: Status
    synced: bool
    checked_at: datetime | None
    next_check_at: datetime | None
    reasons: list[ReasonOut]

    @classmethod
    def of(cls, transaction: Transaction, *, synced: bool, next_at: datetime | None) -> StatusOut:
        """Describe where a payment stands; `next_at` is for one that is not due by itself."""
        return cls(
            id=str(transaction.id),
            transaction_id=transaction.transaction_id,
            status=transaction.status,
            synced=synced,
            checked_at=transaction.last_checked_at,
            next_check_at=transaction.next_check_at or next_at,
            reasons=[ReasonOut.model_validate(one) for one in reasons(transaction.reasons)],
        )


class EventOut(BaseModel):
    """One event, with the column names of ERD 4.1."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: Id
    transaction_id: Id
    old_status: Status | None
    new_status: Status
    reason: str | None
    actor_type: Literal["USER", "SYSTEM", "EXTERNAL"]
    actor_id: Id | None
    key_id: Id | None
    """The key with which the actor acted; none for a sign-in."""
    key_name: str | None
    metadata: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, event: TransactionEvent) -> EventOut:
        """Describe an event."""
        return cls(
            id=str(event.id),
            transaction_id=str(event.transaction_id),
            old_status=event.old_status,
            new_status=event.new_status,
            reason=event.reason,
            actor_type=event.actor_type,  # type: ignore[arg-type]
            actor_id=str(event.actor_id) if event.actor_id else None,
            key_id=str(event.key_id) if event.key_id else None,
            key_name=event.key.name if event.key else None,
            metadata=event.metadata_,
            created_at=event.created_at,
        )


class EventList(BaseModel):
    """A trail, oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.EVENTS]})

    items: list[EventOut]
