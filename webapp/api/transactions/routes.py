"""/api/v1/transactions: payments as programs log, read, correct and decide them."""

from __future__ import annotations

import hashlib

from flask import Response, url_for
from flask.typing import ResponseReturnValue
from pydantic_core import to_json

from webapp.api import paging, repeated_requests, request_bodies
from webapp.api.blueprint import bp
from webapp.api.contract.operation import operation
from webapp.api.json_responses import json_response, stored_response
from webapp.api.transactions import filters, outputs, preconditions, recording, schemas
from webapp.banking.in_force import bank
from webapp.kernel.permissions import Permission
from webapp.transactions import asking, queries, reading, rules, service
from webapp.transactions.checking import CheckOutcome, CheckResult
from webapp.transactions.lifecycle import Status
from webapp.web.extensions import app_context
from webapp.web.guard import actor, requires

ASKED_FOR = frozenset({Status.IN_PROGRESS, Status.UNKNOWN})
"""Statuses in which a question to the bank can change something."""


def _one(payment: outputs.Payment, status: int = 200) -> Response:
    """Answer with a payment and its ETag: the version, and a digest of the whole answer."""
    content = outputs.content(payment, evidence=rules.may_see_evidence(actor()))
    response = stored_response(content)
    response.status_code = status
    del content["updated_at"]  # it moves when the bank is merely asked
    digest = hashlib.sha256(to_json(content)).hexdigest()
    response.set_etag(f"{payment.version}-{digest[:12]}")
    if status == 201:
        response.headers["Location"] = url_for("api.get", transaction_id=payment.id)
    return response


@bp.post("/transactions", strict_slashes=False)
@requires(Permission.TRANSACTION_CREATE)
@operation(
    "createTransaction",
    "Log a payment",
    tag="Transactions",
    body=schemas.CreateTransaction,
    idempotent=True,
    versioned=True,
    codes={409: ("reference_taken", "transaction_id_taken", "final_transaction")},
    response_headers=("Location",),
    responses={200: outputs.TransactionOut, 201: outputs.TransactionOut},
)
def create() -> ResponseReturnValue:
    """Log a payment; the same transaction_id again gives the stored one, or changes it."""
    given = request_bodies.body(schemas.CreateTransaction)
    recorded = recording.record(given, submission_key=repeated_requests.submission_key())
    if recorded.ask:
        asking.ask_in_background(recorded.transaction.id, bank=bank(), context=app_context())
    return _one(recorded.transaction, recorded.status)


@bp.get("/transactions", endpoint="list", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
@operation(
    "listTransactions",
    "List payments, newest first",
    tag="Transactions",
    query=filters.TransactionFilter,
    paged=True,
    cursored=True,
    response_headers=("Link",),
    responses={200: (outputs.TransactionList, outputs.TransactionStretch)},
)
def list_() -> ResponseReturnValue:
    """List payments, newest first, narrowed by the filters of the query: a page, or what follows a cursor."""
    narrowing = filters.filters()
    wanted = paging.requested_part(narrowing)
    size, evidence = wanted.size, rules.may_see_evidence(actor())
    numbers = {"size": size}
    if wanted.by_cursor:
        rows, more = reading.rows_after(narrowing, wanted.place, size=size, evidence=evidence)
    else:
        page = reading.offset_page(narrowing, offset=wanted.offset, size=size, evidence=evidence)
        rows, more = page.items, wanted.offset + len(page.items) < page.total
        numbers = {"total": page.total, "page": page.number, "size": size, "pages": page.pages}
    cursor = None
    if rows and more:
        cursor = paging.cursor_after(queries.place_of(rows[-1]), narrowing)
    items = [outputs.content(row, evidence=evidence) for row in rows]
    response = stored_response({"items": items, **numbers, "next_cursor": cursor})
    return paging.link_next(response, cursor, size)


@bp.get("/transactions/<payment:transaction_id>", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
@operation(
    "getTransaction",
    "Read a payment",
    tag="Transactions",
    conditional=True,
    responses={200: outputs.TransactionOut},
)
def get(transaction_id: str) -> ResponseReturnValue:
    """Return one payment."""
    return _one(reading.find(transaction_id, evidence=rules.may_see_evidence(actor())))


@bp.patch("/transactions/<payment:transaction_id>", strict_slashes=False)
@requires(Permission.TRANSACTION_UPDATE)
@operation(
    "changeTransaction",
    "Correct a payment that is not final",
    tag="Transactions",
    body=schemas.ChangeTransaction,
    idempotent=True,
    versioned=True,
    codes={409: ("final_transaction", "reference_taken")},
    responses={200: outputs.TransactionOut},
)
def change(transaction_id: str) -> ResponseReturnValue:
    """Change parts of a payment that is not final."""
    transaction = queries.find(transaction_id)
    given = request_bodies.body(schemas.ChangeTransaction)
    rules.require_may_correct(actor(), transaction)
    changed = recording.correct(transaction, recording.changed(transaction, given))
    if changed.status is Status.IN_PROGRESS:
        asking.ask_in_background(changed.id, bank=bank(), context=app_context())
    return _one(changed)


@bp.delete("/transactions/<payment:transaction_id>", strict_slashes=False)
@requires(Permission.TRANSACTION_DELETE)
@operation(
    "deleteTransaction",
    "Take a payment out of the lists",
    tag="Transactions",
    body=schemas.DeletionReason,
    body_required=False,
    query=filters.DeletionQuery,
    idempotent=True,
    versioned=True,
    responses={204: None},
)
def delete(transaction_id: str) -> ResponseReturnValue:
    """Take a payment out of the lists; the reason comes as JSON or in the query."""
    transaction = queries.find(transaction_id)
    given = request_bodies.optional_body(schemas.DeletionReason)
    in_query = paging.query(filters.DeletionQuery).reason
    with preconditions.expected_version(transaction) as version:
        service.delete(
            actor=actor(), row_id=transaction.id, reason=given.reason or in_query, version=version
        )
    return Response(status=204)


@bp.get("/transactions/<payment:transaction_id>/status", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
@operation(
    "getTransactionStatus",
    "Where a payment stands, asking the bank if that can help",
    tag="Transactions",
    responses={200: outputs.StatusOut},
)
def status(transaction_id: str) -> ResponseReturnValue:
    """Tell where a payment stands, asking the bank first where that can help and is allowed."""
    transaction = queries.find(transaction_id)
    result = CheckResult(CheckOutcome.NOT_CHECKABLE)
    if transaction.status in ASKED_FOR:
        result = asking.ask_now(transaction.id, bank=bank(), context=app_context())
        transaction = queries.by_id(transaction.id)
    synced = result.outcome is CheckOutcome.ANSWERED
    return json_response(outputs.StatusOut.of(transaction, synced=synced, next_at=result.next_at))


@bp.get("/transactions/<payment:transaction_id>/events", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
@operation(
    "listTransactionEvents",
    "The trail of a payment, oldest first",
    tag="Transactions",
    responses={200: outputs.EventList},
)
def events(transaction_id: str) -> ResponseReturnValue:
    """List everything that happened to a payment, oldest first."""
    transaction = queries.find(transaction_id)
    items = [outputs.EventOut.of(event) for event in queries.events_of(transaction.id)]
    return json_response(outputs.EventList(items=items))


@bp.post("/transactions/<payment:transaction_id>/review", strict_slashes=False)
@requires(Permission.TRANSACTION_REVIEW)
@operation(
    "reviewTransaction",
    "Approve or reject a payment that waits for a decision",
    tag="Transactions",
    body=schemas.ReviewDecision,
    idempotent=True,
    versioned=True,
    codes={
        403: ("forbidden", "own_transaction", "release_needs_another"),
        409: ("not_decidable", "movement_used", "movement_not_shown"),
    },
    responses={200: outputs.TransactionOut},
)
def review(transaction_id: str) -> ResponseReturnValue:
    """Approve or reject a payment that waits for a decision."""
    transaction = queries.find(transaction_id)
    given = request_bodies.body(schemas.ReviewDecision)
    with preconditions.expected_version(transaction) as version:
        decided = service.decide(
            actor=actor(),
            row_id=transaction.id,
            verdict=given.decision,
            reason=given.reason,
            version=version,
            movement=given.movement,
        )
    return _one(decided)


@bp.post("/transactions/<payment:transaction_id>/reopen", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
@operation(
    "reopenTransaction",
    "Put a decided payment back before the supervisors",
    tag="Transactions",
    body=schemas.Reopening,
    idempotent=True,
    versioned=True,
    codes={409: ("not_reopenable",)},
    responses={200: outputs.TransactionOut},
)
def reopen(transaction_id: str) -> ResponseReturnValue:
    """Put a decided payment back before the supervisors; another person than this one decides it."""
    transaction = queries.find(transaction_id)
    given = request_bodies.body(schemas.Reopening)
    with preconditions.expected_version(transaction) as version:
        reopened = service.reopen(
            actor=actor(), row_id=transaction.id, reason=given.reason, version=version
        )
    return _one(reopened)
