"""Log and correct payments for POST and PATCH, alike for one and for each of a batch."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace

from flask import request

from webapp.api import request_bodies
from webapp.api.transactions import preconditions, schemas
from webapp.banking.in_force import bank
from webapp.kernel.errors import Conflict, FieldProblem, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Permission
from webapp.transactions import intake, queries, service
from webapp.transactions.declaration import Details, details_of
from webapp.transactions.intake import Complaint
from webapp.transactions.models import Transaction
from webapp.web.guard import actor

NEVER_EMPTY = ("bank", "reference", "transaction_type", "full_name", "phone", "national_id")


@dataclass(frozen=True)
class Recorded:
    """The payment, the HTTP status that tells what was done with it, and whether to ask the bank now."""

    transaction: Transaction
    status: int
    ask: bool


def record(
    given: schemas.CreateTransaction, *, submission_key: str, conditional: bool = True
) -> Recorded:
    """Log a payment (201), or find or change the one with its transaction_id (200); DESIGN 6.

    With `conditional`, If-Match is respected. Raises what `service.log` and `service.correct` raise,
    and Invalid.
    """
    details = complete(given.details(given.reference))
    must_exist = conditional and "If-Match" in request.headers
    if not must_exist:
        # Most are new: storing one needs no look at what is stored already.
        new = intake.log_if_new(
            actor=actor(),
            details=details,
            transaction_id=given.transaction_id,
            submission_key=submission_key,
            bank=bank(),
        )
        if new is not None:
            return Recorded(new, 201, ask=True)
    existing = queries.by_transaction_id(given.transaction_id)
    if existing is not None:
        return _again(existing, details, conditional=conditional)
    if must_exist:
        raise request_bodies.VersionMismatch()
    return _log(given, details, submission_key=submission_key, conditional=conditional)


def _log(
    given: schemas.CreateTransaction, details: Details, *, submission_key: str, conditional: bool
) -> Recorded:
    """Log a payment whose id is free, but whose reference or submission was taken a moment ago."""
    try:
        logged = intake.log(
            actor=actor(),
            details=details,
            transaction_id=given.transaction_id,
            submission_key=submission_key,
            bank=bank(),
        )
    except (service.TransactionIdTaken, service.ReferenceTaken):
        # Perhaps by the very same payment, sent twice at once.
        existing = queries.by_transaction_id(given.transaction_id)
        if existing is None:
            raise
        return _again(existing, details, conditional=conditional)
    return Recorded(logged.transaction, 201 if logged.created else 200, ask=logged.created)


def _again(existing: Transaction, details: Details, *, conditional: bool) -> Recorded:
    """Return the stored row where the same id comes with the same content; correct it where the content differs."""
    if existing.deleted_at is not None:
        raise service.TransactionIdTaken()
    if details_of(existing) == details:
        return Recorded(existing, 200, ask=False)
    if existing.is_final:
        raise Conflict(
            _("Este pago ya está cerrado y no se puede cambiar."), code="final_transaction"
        )
    actor().require(Permission.TRANSACTION_UPDATE)
    return Recorded(correct(existing, details, conditional=conditional), 200, ask=True)


def correct(transaction: Transaction, details: Details, *, conditional: bool = True) -> Transaction:
    """Change what was declared, where If-Match allows. Raises VersionMismatch beside the service's."""
    expecting = preconditions.expected_version(transaction) if conditional else nullcontext()
    with expecting as version:
        return intake.correct(
            actor=actor(), row_id=transaction.id, version=version, details=details, bank=bank()
        )


def changed(transaction: Transaction, given: schemas.ChangeTransaction) -> Details:
    """Return the stored details with the parts that were sent. Raises Invalid."""
    changes = {name: getattr(given, name) for name in given.model_fields_set - {"customer"}}
    customer = given.customer
    changes |= {name: getattr(customer, name) for name in customer.model_fields_set}
    emptied = [name for name in NEVER_EMPTY if name in changes and changes[name] is None]
    if emptied:
        raise Invalid(problems=[_missing(name) for name in emptied])
    return complete(replace(details_of(transaction), **changes))


def _missing(name: str) -> FieldProblem:
    place = ("customer", name) if name in preconditions.IN_CUSTOMER else (name,)
    return FieldProblem(place, _("Falta este dato."), "missing")


def complete(details: Details) -> Details:
    """Return the details with what the dialect in force demands of them. Raises Invalid."""
    found = intake.complaints(
        reference=details.reference,
        payer_bank=details.payer_bank,
        operation_date=details.operation_date,
        amount=details.amount,
        needs=intake.requirements(details, bank=bank()),
    )
    if found:
        raise Invalid(problems=[_problem(complaint) for complaint in found])
    return intake.canonical(details, bank=bank())


def _problem(complaint: Complaint) -> FieldProblem:
    """Word a complaint for programs, whose spellings are not those of the pages."""
    words = {
        "missing": _("Falta este dato."),
        "date": _("Escriba el día del pago; no puede ser futuro."),
    }
    sentence = words.get(complaint.code, complaint.sentence)
    return FieldProblem((complaint.field,), sentence, complaint.code)
