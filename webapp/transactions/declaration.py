"""What is declared of a payment, in canonical spelling, and where it is stored."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from webapp.banking.gateway import BankType, TransactionType
from webapp.transactions.matching import TAIL
from webapp.transactions.models import Transaction

BANESCO_CODE = "0134"


@dataclass(frozen=True)
class Details:
    """What is declared of a payment, in canonical spelling (see `identifiers`)."""

    bank: BankType
    reference: str
    full_name: str
    phone: str
    national_id: str
    amount: Decimal | None = None
    payer_bank: str | None = None
    operation_date: date | None = None
    concept: str | None = None
    transaction_type: TransactionType = TransactionType.TRANSACTION

    @property
    def reference_key(self) -> str:
        """Return what may be logged once (DESIGN 3): the reference, where the whole of it is known.

        Six digits are a tail: on another day, or from another bank, they belong to another payment.
        """
        from_elsewhere = self.bank is BankType.MOBILE_TRANSFER or self.payer_bank != BANESCO_CODE
        if (
            len(self.reference) == TAIL
            and from_elsewhere
            and self.payer_bank
            and self.operation_date
        ):
            return f"{self.reference}:{self.payer_bank}:{self.operation_date.isoformat()}"
        return self.reference


COLUMNS = {
    "bank": "bank",
    "reference": "reference",
    "full_name": "customer_full_name",
    "phone": "customer_phone",
    "national_id": "customer_national_id",
    "amount": "amount",
    "payer_bank": "payer_bank",
    "operation_date": "operation_date",
    "concept": "concept",
    "transaction_type": "transaction_type",
}
"""Where each declared field is stored."""
NOT_ASKED = frozenset({"full_name", "concept"})
"""Declared fields that the bank is not asked about: correcting them needs no new answer."""


def details_of(transaction: Transaction) -> Details:
    """Return what is declared of a stored payment."""
    return Details(**{name: getattr(transaction, column) for name, column in COLUMNS.items()})


def digest(details: Details, transaction_id: str | None) -> str:
    """Return a digest that tells one form's content from another's without keeping it twice."""
    return hashlib.sha256(repr((details, transaction_id)).encode()).hexdigest()


def changes(old: Details, new: Details) -> dict[str, list[Any]]:
    """Return what differs: by field, the old and the new value as JSON."""
    before, after = asdict(old), asdict(new)
    return {
        name: [_as_json(before[name]), _as_json(after[name])]
        for name in before
        if before[name] != after[name]
    }


def _as_json(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)
