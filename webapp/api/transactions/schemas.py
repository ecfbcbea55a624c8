"""What integrators send about payments (ERD 5.2, DESIGN 6): pydantic models that validate and document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    Field,
    SkipValidation,
)

from webapp.api.contract import formats, samples
from webapp.api.fields import (
    Amount,
    Concept,
    Day,
    FullName,
    NationalId,
    PayerBank,
    Phone,
    Reason,
    Reference,
    TransactionId,
)
from webapp.api.strict_model import Body
from webapp.banking.gateway import BankType, TransactionType
from webapp.transactions.declaration import Details
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
        """Return the declared payment, with `reference` as the dialect reads it."""
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

    model_config = ConfigDict(
        use_attribute_docstrings=True, json_schema_extra={"examples": [samples.DECISION]}
    )

    decision: Verdict
    reason: Reason
    movement: Annotated[str, Field(strict=True, min_length=1, max_length=120)] | None = None
    """With `approve`, the `identity` of the one among `movements` that paid, where the bank shows several."""


class DeletionReason(Body):
    """Why a payment is taken out of the lists."""

    model_config = ConfigDict(json_schema_extra=formats.never_null())

    reason: Reason = ""


class Reopening(Body):
    """Why a decided payment goes back before the supervisors."""

    reason: Reason
