"""/api/v1/transactions: payments as programs log, read, correct and decide them."""

from __future__ import annotations

import uuid
from dataclasses import replace

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from webapp import clock
from webapp.api import filters, reading, schemas
from webapp.api.blueprint import bp
from webapp.api.contract import operation
from webapp.errors import Conflict, Invalid
from webapp.permissions import Permission, actor, requires
from webapp.transactions import identifiers, queries, rules, service, wording
from webapp.transactions.checking import CheckOutcome, CheckResult
from webapp.transactions.details import Details, details_of
from webapp.transactions.forms import OLDEST_OPERATION
from webapp.transactions.identifiers import Misspelt
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.transactions.service import StaleVersion
from webapp.transactions.views import ask_in_background, ask_now, bank
from webapp.words import gettext as _

ASKED_FOR = frozenset({Status.IN_PROGRESS, Status.UNKNOWN})
"""Statuses in which a question to the bank can change something."""


def answer(model: BaseModel, status: int = 200, *, version: int | None = None) -> Response:
    """A model as JSON, with its version as ETag where it has one."""
    response = make_response(model.model_dump_json(), status)
    response.content_type = "application/json"
    if version is not None:
        response.set_etag(str(version))
    return response


def _one(transaction: Transaction, status: int = 200) -> Response:
    return answer(schemas.TransactionOut.of(transaction), status, version=transaction.version)


@bp.post("/transactions", strict_slashes=False)
@requires(Permission.TRANSACTION_CREATE)
@operation(
    "createTransaction",
    "Log a payment",
    tag="Transactions",
    body=schemas.CreateTransaction,
    answers={200: schemas.TransactionOut, 201: schemas.TransactionOut, 409: None},
)
def create() -> ResponseReturnValue:
    """Log a payment; the same transaction_id again gives the stored one, or changes it."""
    given = reading.body(schemas.CreateTransaction)
    details = _complete(given.details(given.reference))
    existing = queries.by_transaction_id(given.transaction_id)
    if existing is None:
        try:
            logged = service.log(
                actor=actor(),
                details=details,
                transaction_id=given.transaction_id,
                submission_key=uuid.uuid4().hex,
            )
        except service.TransactionIdTaken:
            existing = queries.by_transaction_id(given.transaction_id)
            if existing is None:
                raise
        else:
            ask_in_background(logged.transaction)
            return _one(logged.transaction, 201)
    return _again(existing, details)


def _again(existing: Transaction, details: Details) -> ResponseReturnValue:
    """The same id again: the stored row for the same content, a correction for other content."""
    if existing.deleted_at is not None:
        raise service.TransactionIdTaken()
    if details_of(existing) == details:
        return _one(existing)
    if existing.is_final:
        raise Conflict(
            _("Este pago ya está cerrado y no se puede cambiar."), code="final_transaction"
        )
    actor().require(Permission.TRANSACTION_UPDATE)
    changed = service.correct(actor=actor(), row_id=existing.id, version=None, details=details)
    ask_in_background(changed)
    return _one(changed)


def _complete(details: Details) -> Details:
    """The details with what the dialect demands of them. Raises Invalid."""
    errors: dict[str, list[str]] = {}
    needs = bank().gateway.requirements(details.bank)
    reference = details.reference
    try:
        reference = identifiers.reference(details.reference, needs.reference_digits)
    except Misspelt as error:
        errors["reference"] = [wording.misspelling(error.problem, needs.reference_digits)]
    day = details.operation_date
    if day and not OLDEST_OPERATION <= day <= clock.today():
        errors["operation_date"] = [_("Escriba el día del pago; no puede ser futuro.")]
    missing = {
        "operation_date": needs.operation_date and not day,
        "payer_bank": needs.payer_bank and not details.payer_bank,
        "amount": needs.amount and details.amount is None,
    }
    for field in (name for name, is_missing in missing.items() if is_missing):
        errors[field] = [_("Falta este dato.")]
    if errors:
        raise Invalid(errors=errors)
    return replace(details, reference=reference)


@bp.get("/transactions", endpoint="list", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
@operation(
    "listTransactions",
    "List payments, newest first",
    tag="Transactions",
    query=filters.TransactionFilter,
    paged=True,
    answers={200: schemas.TransactionList},
)
def list_() -> ResponseReturnValue:
    """A page of payments, newest first, narrowed by the filters of the query."""
    wanted = reading.query(filters.TransactionFilter).wanted()
    offset, size = reading.page_and_size()
    page = queries.offset_page(wanted, offset=offset, size=size)
    return answer(schemas.TransactionList.of(page))


@bp.get("/transactions/<transaction_id>", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
@operation(
    "getTransaction",
    "Read a payment",
    tag="Transactions",
    conditional=True,
    answers={200: schemas.TransactionOut},
)
def get(transaction_id: str) -> ResponseReturnValue:
    """One payment."""
    response = _one(queries.find(transaction_id))
    return response.make_conditional(request.environ)


@bp.patch("/transactions/<transaction_id>", strict_slashes=False)
@requires(Permission.TRANSACTION_UPDATE)
@operation(
    "changeTransaction",
    "Correct a payment that is not final",
    tag="Transactions",
    body=schemas.ChangeTransaction,
    versioned=True,
    answers={200: schemas.TransactionOut, 409: None},
)
def change(transaction_id: str) -> ResponseReturnValue:
    """Change parts of a payment that is not final."""
    transaction = queries.find(transaction_id)
    given = reading.body(schemas.ChangeTransaction)
    rules.require_may_correct(actor(), transaction)
    changes = given.model_dump(exclude_unset=True, exclude={"customer"})
    changes |= given.customer.model_dump(exclude_unset=True)
    emptied = [
        name
        for name in ("bank", "reference", "transaction_type", "full_name", "phone", "national_id")
        if name in changes and changes[name] is None
    ]
    if emptied:
        raise Invalid(errors={name: [_("Falta este dato.")] for name in emptied})
    if changes.get("amount") is not None:
        changes["amount"] = given.amount
    changed = _correct(transaction, _complete(replace(details_of(transaction), **changes)))
    ask_in_background(changed)
    return _one(changed)


def _correct(transaction: Transaction, details: Details) -> Transaction:
    version = reading.expected_version()
    try:
        return service.correct(
            actor=actor(), row_id=transaction.id, version=version, details=details
        )
    except StaleVersion as stale:
        raise reading.VersionMismatch(str(stale.sentence)) from None


@bp.delete("/transactions/<transaction_id>", strict_slashes=False)
@requires(Permission.TRANSACTION_DELETE)
@operation(
    "deleteTransaction",
    "Take a payment out of the lists",
    tag="Transactions",
    body=schemas.DeletionReason,
    body_required=False,
    query=filters.DeletionQuery,
    versioned=True,
    answers={204: None},
)
def delete(transaction_id: str) -> ResponseReturnValue:
    """Take a payment out of the lists; the reason comes as JSON or in the query."""
    transaction = queries.find(transaction_id)
    given = reading.optional_body(schemas.DeletionReason)
    reason = reading.query(filters.DeletionQuery).reason
    version = reading.expected_version()
    try:
        service.delete(
            actor=actor(), row_id=transaction.id, reason=given.reason or reason, version=version
        )
    except StaleVersion as stale:
        raise reading.VersionMismatch(str(stale.sentence)) from None
    return Response(status=204)


@bp.get("/transactions/<transaction_id>/status", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
@operation(
    "getTransactionStatus",
    "Where a payment stands, asking the bank if that can help",
    tag="Transactions",
    answers={200: schemas.StatusOut},
)
def status(transaction_id: str) -> ResponseReturnValue:
    """Where a payment stands, asking the bank first where that can help and is allowed."""
    transaction = queries.find(transaction_id)
    result = CheckResult(CheckOutcome.NOT_CHECKABLE)
    if transaction.status in ASKED_FOR:
        result = ask_now(transaction)
        transaction = queries.by_id(transaction.id)
    synced = result.outcome is CheckOutcome.ANSWERED
    return answer(schemas.StatusOut.of(transaction, synced=synced, next_at=result.next_at))


@bp.get("/transactions/<transaction_id>/events", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
@operation(
    "listTransactionEvents",
    "The trail of a payment, oldest first",
    tag="Transactions",
    answers={200: schemas.EventList},
)
def events(transaction_id: str) -> ResponseReturnValue:
    """Everything that happened to a payment, oldest first."""
    transaction = queries.find(transaction_id)
    items = [schemas.EventOut.of(event) for event in queries.events_of(transaction.id)]
    return answer(schemas.EventList(items=items))


@bp.post("/transactions/<transaction_id>/review", strict_slashes=False)
@requires(Permission.TRANSACTION_REVIEW)
@operation(
    "reviewTransaction",
    "Approve or reject a payment that waits for a decision",
    tag="Transactions",
    body=schemas.ReviewDecision,
    answers={200: schemas.TransactionOut, 409: None},
)
def review(transaction_id: str) -> ResponseReturnValue:
    """Approve or reject a payment that waits for a decision."""
    transaction = queries.find(transaction_id)
    given = reading.body(schemas.ReviewDecision)
    decided = service.decide(
        actor=actor(), row_id=transaction.id, verdict=given.decision, reason=given.reason
    )
    return _one(decided)
