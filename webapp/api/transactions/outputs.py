"""What integrators are answered about payments (ERD 5.2, DESIGN 6): pydantic models, which document as well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from webapp.api.contract import formats, samples
from webapp.api.fields import (
    Id,
    StoredAmount,
)
from webapp.api.problems import Problem
from webapp.banking.gateway import BankType, Claim, Movement, TransactionType
from webapp.transactions import matching, movements, presenting, wording
from webapp.transactions.lifecycle import DECIDABLE, Status
from webapp.transactions.matching import Reason as StoredReason
from webapp.transactions.matching import ReasonCode
from webapp.transactions.models import Transaction, TransactionEvent
from webapp.transactions.queries import Page


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

    @classmethod
    def of(cls, movement: Movement, claim: Claim) -> MovementOut:
        """Describe a movement, with what it has against the claim."""
        found = matching.differences(claim, movement)
        return cls(
            identity=movement.identity,
            reference=movement.reference,
            amount=_decimal(movement.amount),
            currency=movement.currency,
            operation_date=movement.day,
            time=movement.time,
            concept=movement.concept,
            differences=[_reason_out(item, wording.in_words(item)) for item in found],
        )


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
    def of(cls, transaction: Transaction, *, evidence: bool) -> TransactionOut:
        """Describe a payment; `evidence` tells whether its reader may see what the bank answered."""
        payload = transaction.banesco_payload if evidence else None
        return cls(
            id=str(transaction.id),
            transaction_id=transaction.transaction_id,
            status=transaction.status,
            bank=transaction.bank,
            transaction_type=transaction.transaction_type,
            reference=transaction.reference,
            customer=CustomerOut(
                full_name=transaction.customer_full_name,
                phone=transaction.customer_phone,
                national_id=transaction.customer_national_id,
                concept=transaction.concept,
            ),
            amount=_decimal(transaction.amount),
            currency=transaction.currency,
            payer_bank=transaction.payer_bank,
            operation_date=transaction.operation_date,
            bank_amount=_decimal(transaction.bank_amount),
            bank_reference=transaction.bank_reference,
            reasons=reasons_out(transaction),
            banesco_details=payload if isinstance(payload, dict) else None,
            movements=_movements_out(transaction) if evidence else None,
            version=transaction.version,
            created_at=transaction.created_at,
            updated_at=transaction.updated_at,
        )


def _decimal(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"


def reasons_out(transaction: Transaction) -> list[ReasonOut]:
    """Return the reasons, each with its sentence."""
    sentences = presenting.reasons(transaction)
    return [
        _reason_out(item, sentence)
        for item, sentence in zip(transaction.reasons, sentences, strict=True)
    ]


def _reason_out(reason: StoredReason, sentence: str) -> ReasonOut:
    return ReasonOut.model_validate({**reason, "detail": sentence})


def _movements_out(transaction: Transaction) -> list[MovementOut]:
    if transaction.status not in DECIDABLE:
        return []
    claim = transaction.as_claim()
    shown = map(movements.from_json, transaction.shown_movements)
    return [MovementOut.of(movement, claim) for movement in shown]


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

    @classmethod
    def of(cls, page: Page, *, next_cursor: str | None, evidence: bool) -> TransactionList:
        """Describe one page."""
        return cls(
            next_cursor=next_cursor,
            items=[TransactionOut.of(item, evidence=evidence) for item in page.items],
            total=page.total,
            page=page.number,
            size=page.size,
            pages=page.pages,
        )


class TransactionStretch(BaseModel):
    """The payments that follow a cursor, newest first; how many there are in all is not counted."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.STRETCH]})

    items: list[TransactionOut]
    size: int
    next_cursor: str | None

    @classmethod
    def of(
        cls, rows: Sequence[Transaction], *, size: int, next_cursor: str | None, evidence: bool
    ) -> TransactionStretch:
        """Describe the rows after a cursor."""
        items = [TransactionOut.of(row, evidence=evidence) for row in rows]
        return cls(items=items, size=size, next_cursor=next_cursor)


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
            reasons=reasons_out(transaction),
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
