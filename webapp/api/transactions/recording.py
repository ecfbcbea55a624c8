"""What POST and PATCH do with a payment, alike for one and for each of a batch."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace

from flask import request

from webapp.api import request_bodies
from webapp.api.transactions import preconditions, schemas
from webapp.banking.in_force import bank
from webapp.kernel import clock
from webapp.kernel.errors import Conflict, FieldProblem, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Permission
from webapp.transactions import identifiers, queries, service, wording
from webapp.transactions.declaration import Details, details_of
from webapp.transactions.forms import OLDEST_OPERATION
from webapp.transactions.identifiers import Misspelt
from webapp.transactions.models import Transaction
from webapp.web.guard import actor

NEVER_EMPTY = ("bank", "reference", "transaction_type", "full_name", "phone", "national_id")


@dataclass(frozen=True)
class Recorded:
    """The payment, the status that tells how it came to stand, and whether to ask the bank now."""

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
    existing = queries.by_transaction_id(given.transaction_id)
    if existing is None:
        if conditional and "If-Match" in request.headers:
            raise request_bodies.VersionMismatch()
        try:
            logged = service.log(
                actor=actor(),
                details=details,
                transaction_id=given.transaction_id,
                submission_key=submission_key,
                bank_environment=bank().policy.environment,
                receiving_account=bank().receiving_account(details.bank, details.payer_bank),
            )
        except (service.TransactionIdTaken, service.ReferenceTaken):
            # Perhaps by the very same payment, sent twice at once.
            existing = queries.by_transaction_id(given.transaction_id)
            if existing is None:
                raise
        else:
            status = 201 if logged.created else 200
            return Recorded(logged.transaction, status, ask=logged.created)
    return _again(existing, details, conditional=conditional)


def _again(existing: Transaction, details: Details, *, conditional: bool) -> Recorded:
    """The same id again: the stored row for the same content, a correction for other content."""
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
        return service.correct(
            actor=actor(),
            row_id=transaction.id,
            version=version,
            details=details,
            receiving_account=bank().receiving_account(details.bank, details.payer_bank),
        )


def changed(transaction: Transaction, given: schemas.ChangeTransaction) -> Details:
    """The stored details with the parts that were sent. Raises Invalid."""
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
    """The details with what the dialect demands of them. Raises Invalid."""
    problems = []
    needs = bank().gateway.requirements(details.bank, details.payer_bank)
    reference = details.reference
    try:
        reference = identifiers.reference(details.reference, needs.reference_digits)
    except Misspelt as error:
        sentence = wording.misspelling(error.problem, needs.reference_digits)
        problems.append(FieldProblem(("reference",), sentence, error.problem.value))
    day = details.operation_date
    if day and not OLDEST_OPERATION <= day <= clock.today():
        sentence = _("Escriba el día del pago; no puede ser futuro.")
        problems.append(FieldProblem(("operation_date",), sentence, "date"))
    missing = {
        "operation_date": needs.operation_date and not day,
        "payer_bank": needs.payer_bank and not details.payer_bank,
        "amount": needs.amount and details.amount is None,
    }
    problems += [_missing(name) for name, is_missing in missing.items() if is_missing]
    if problems:
        raise Invalid(problems=problems)
    return replace(details, reference=reference)
