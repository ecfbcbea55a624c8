"""What integrators send and get (ERD 5.2, DESIGN 6): pydantic models that validate and document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SkipValidation,
    WithJsonSchema,
)

from webapp.api.bodies import Body
from webapp.api.contract import formats, samples
from webapp.api.fields import (
    Amount,
    Concept,
    Day,
    FullName,
    Id,
    NationalId,
    PayerBank,
    Phone,
    Reason,
    Reference,
    StoredAmount,
    TransactionId,
)
from webapp.api.problems import Problem
from webapp.banking.gateway import BankType, TransactionType
from webapp.transactions import presenting
from webapp.transactions.declaration import Details
from webapp.transactions.lifecycle import Status
from webapp.transactions.matching import ReasonCode
from webapp.transactions.models import Transaction, TransactionEvent
from webapp.transactions.queries import Page
from webapp.transactions.service import Verdict


class Customer(Body):
    """Who says that they paid; declared, never verified by the bank."""

    full_name: FullName
    phone: Phone
    national_id: NationalId
    concept: Concept | None = None


class CreateTransaction(Body):
    """A payment to log (ERD 5.2, CreateTransactionRequest)."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.NEW_TRANSACTION]})

    transaction_id: TransactionId
    customer: Customer
    reference: Reference
    bank: BankType
    transaction_type: TransactionType = TransactionType.TRANSACTION
    amount: Amount | None = None
    payer_bank: PayerBank | None = None
    operation_date: Day | None = None

    def details(self, reference: str) -> Details:
        """The declared payment; `reference` as the dialect reads it."""
        return Details(
            bank=self.bank,
            reference=reference,
            full_name=self.customer.full_name,
            phone=self.customer.phone,
            national_id=self.customer.national_id,
            concept=self.customer.concept,
            amount=self.amount,
            payer_bank=self.payer_bank,
            operation_date=self.operation_date,
            transaction_type=self.transaction_type,
        )


class Batch(Body):
    """Payments to log together; each is judged by itself."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.NEW_BATCH]})

    # Read one by one, when their turn comes: a wrong one must not keep the others out.
    items: Annotated[
        list[SkipValidation[CreateTransaction | Any]], Field(min_length=1, max_length=500)
    ]


class ChangeCustomer(Body):
    """The parts of a customer to change."""

    model_config = ConfigDict(
        json_schema_extra=formats.never_null("full_name", "phone", "national_id")
    )

    full_name: FullName | None = None
    phone: Phone | None = None
    national_id: NationalId | None = None
    concept: Concept | None = None


class ChangeTransaction(Body):
    """The parts of a payment to change; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra=formats.never_null(
            "reference", "bank", "transaction_type", examples=[samples.CHANGES]
        )
    )

    customer: ChangeCustomer = Field(default_factory=ChangeCustomer)
    reference: Reference | None = None
    bank: BankType | None = None
    transaction_type: TransactionType | None = None
    amount: Amount | None = None
    payer_bank: PayerBank | None = None
    operation_date: Day | None = None


class ReviewDecision(Body):
    """A supervisor's decision."""

    decision: Verdict
    reason: Reason


class DeletionReason(Body):
    """Why a payment is taken out of the lists."""

    model_config = ConfigDict(json_schema_extra=formats.never_null())

    reason: Reason = ""


class Reopening(Body):
    """Why a decided payment goes back before the supervisors."""

    reason: Reason


class CustomerOut(BaseModel):
    """A customer as stored."""

    full_name: str
    phone: Annotated[str, WithJsonSchema(formats.STORED_PHONE)]
    national_id: Annotated[str, WithJsonSchema(formats.STORED_NATIONAL_ID)]
    concept: str | None


class ReasonOut(BaseModel):
    """Why a payment stands where it stands; beside `code` and `detail`, what the reason speaks of."""

    model_config = ConfigDict(extra="allow")

    code: ReasonCode
    detail: str


class TransactionOut(BaseModel):
    """A payment (ERD 5.2, TransactionResponse)."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.TRANSACTION]})

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
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, transaction: Transaction) -> TransactionOut:
        payload = transaction.banesco_payload
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
            version=transaction.version,
            created_at=transaction.created_at,
            updated_at=transaction.updated_at,
        )


def _decimal(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"


def reasons_out(transaction: Transaction) -> list[ReasonOut]:
    """The reasons, each with its sentence."""
    sentences = presenting.reasons(transaction)
    return [
        ReasonOut.model_validate({**item, "detail": sentence})
        for item, sentence in zip(transaction.reasons, sentences, strict=True)
    ]


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
    """Where to go on, whatever is inserted meanwhile; none after the last row."""

    @classmethod
    def of(cls, page: Page, *, next_cursor: str | None) -> TransactionList:
        return cls(
            next_cursor=next_cursor,
            items=[TransactionOut.of(item) for item in page.items],
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
        cls, rows: Sequence[Transaction], *, size: int, next_cursor: str | None
    ) -> TransactionStretch:
        items = [TransactionOut.of(row) for row in rows]
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
