"""What form, API and batch complete alike when a payment is logged or corrected.

The dialect in force says what a payment must bring; the bank's environment and our own account are noted with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from webapp.banking.connection import BankConnection
from webapp.banking.gateway import Requirements
from webapp.kernel import clock
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Actor
from webapp.transactions import identifiers, service, wording
from webapp.transactions.declaration import Details
from webapp.transactions.identifiers import Misspelt, Problem
from webapp.transactions.models import Transaction
from webapp.transactions.service import Logged

OLDEST_OPERATION = date(2020, 1, 1)
"""The first day on which money can have moved: older payments were in another bolívar."""


@dataclass(frozen=True)
class Complaint:
    """What the dialect has against one declared field: in words for a page, and as a stable code."""

    field: str
    """As in `declaration.Details`."""
    sentence: str
    code: str


def complaints(
    *,
    reference: str,
    payer_bank: str | None,
    operation_date: date | None,
    amount: Decimal | None,
    needs: Requirements,
) -> list[Complaint]:
    """Return what is wrong with or missing from the fields that depend on the dialect."""
    found = [*_about_reference(reference, needs.reference_digits), *_about_day(operation_date)]
    missing = {
        "operation_date": needs.operation_date and operation_date is None,
        "payer_bank": needs.payer_bank and payer_bank is None,
        "amount": needs.amount and amount is None,
    }
    found += [_missing(name) for name, is_missing in missing.items() if is_missing]
    return found


def _about_reference(typed: str, digits: tuple[int, int]) -> Iterator[Complaint]:
    try:
        identifiers.reference(typed, digits)
    except Misspelt as error:
        if error.problem is Problem.MISSING:
            yield _missing("reference")
        else:
            sentence = wording.misspelling(error.problem, digits)
            yield Complaint("reference", sentence, error.problem.value)


def _about_day(day: date | None) -> Iterator[Complaint]:
    if day is not None and day > clock.today():
        sentence = _("La fecha no puede ser futura. Escriba el día del pago, como 24/11/2026.")
        yield Complaint("operation_date", sentence, "date")
    elif day is not None and day < OLDEST_OPERATION:
        sentence = _("Esa fecha es demasiado antigua. Escriba el día del pago.")
        yield Complaint("operation_date", sentence, "date")


def _missing(field: str) -> Complaint:
    return Complaint(field, wording.missing(field), Problem.MISSING.value)


def requirements(details: Details, *, bank: BankConnection) -> Requirements:
    """Return what the dialect in force demands of a payment of this kind, from this bank."""
    return bank.gateway.requirements(details.bank, details.payer_bank)


def canonical(details: Details, *, bank: BankConnection) -> Details:
    """Return the details with the reference as the dialect in force spells it; only without complaints."""
    digits = requirements(details, bank=bank).reference_digits
    return replace(details, reference=identifiers.reference(details.reference, digits))


def log(
    *,
    actor: Actor,
    details: Details,
    transaction_id: str | None,
    submission_key: str,
    bank: BankConnection,
) -> Logged:
    """Log a payment for the bank in force. Raises what `service.log` raises."""
    return service.log(
        actor=actor,
        details=details,
        transaction_id=transaction_id,
        submission_key=submission_key,
        bank_environment=bank.policy.environment,
        receiving_account=bank.receiving_account(details.bank, details.payer_bank),
    )


def log_if_new(
    *,
    actor: Actor,
    details: Details,
    transaction_id: str | None,
    submission_key: str,
    bank: BankConnection,
) -> Transaction | None:
    """Log a payment for the bank in force, or return None where `service.log_if_new` does. Raises Forbidden."""
    return service.log_if_new(
        actor=actor,
        details=details,
        transaction_id=transaction_id,
        submission_key=submission_key,
        bank_environment=bank.policy.environment,
        receiving_account=bank.receiving_account(details.bank, details.payer_bank),
    )


def correct(
    *,
    actor: Actor,
    row_id: uuid.UUID,
    version: int | None,
    details: Details,
    bank: BankConnection,
) -> Transaction:
    """Correct a payment for the bank in force. Raises what `service.correct` raises."""
    return service.correct(
        actor=actor,
        row_id=row_id,
        version=version,
        details=details,
        receiving_account=bank.receiving_account(details.bank, details.payer_bank),
    )
