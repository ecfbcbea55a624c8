"""Payments for tests: as forms, as details and as stored rows."""

from __future__ import annotations

import itertools
import uuid
from decimal import Decimal
from typing import Any

from tests.support.people import Person
from webapp.banking.gateway import BankType
from webapp.transactions import queries, service
from webapp.transactions.declaration import Details
from webapp.transactions.models import Transaction

_numbers = itertools.count(1)


def new_reference() -> str:
    """Nine digits that no other test used."""
    return f"{100_000_000 + next(_numbers)}"


def form(**changes: Any) -> dict[str, Any]:
    """What a cashier types into the form for a valid payment."""
    return {
        "bank": "MOBILE_TRANSFER",
        "reference": new_reference(),
        "amount": "1.240,00",
        "payer_bank": "0102",
        "operation_date": "",
        "full_name": "Rosa Elena Villegas",
        "national_id": "V-9.876.543",
        "phone": "0414-1234567",
        "concept": "Consulta",
        "transaction_id": "",
        "transaction_type": "TRANSACTION",
        **changes,
    }


def details(**changes: Any) -> Details:
    """A declared payment in canonical spelling."""
    given: dict[str, Any] = {
        "bank": BankType.MOBILE_TRANSFER,
        "reference": new_reference(),
        "full_name": "Rosa Elena Villegas",
        "phone": "04141234567",
        "national_id": "V9876543",
        "amount": Decimal("1240.00"),
        **changes,
    }
    return Details(**given)


def logged(
    person: Person,
    *,
    transaction_id: str | None = None,
    bank_environment: str = "qa",
    receiving_account: str | None = None,
    **changes: Any,
) -> Transaction:
    """A payment that this person logged, stored."""
    return service.log(
        actor=person.actor,
        details=details(**changes),
        transaction_id=transaction_id,
        submission_key=uuid.uuid4().hex,
        bank_environment=bank_environment,
        receiving_account=receiving_account,
    ).transaction


def reread(transaction: Transaction) -> Transaction:
    """The row as it stands now."""
    return queries.by_id(transaction.id)
