"""/api/v1/transactions/batch: many payments in one request, each a unit of work of its own."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from flask.typing import ResponseReturnValue

from webapp.api import request_bodies
from webapp.api.blueprint import bp
from webapp.api.contract.operation import operation
from webapp.api.json_responses import json_response
from webapp.api.problems import Problem
from webapp.api.transactions import outputs, recording, schemas
from webapp.kernel.database import db
from webapp.kernel.errors import DomainError
from webapp.kernel.permissions import Permission
from webapp.transactions import rules
from webapp.web.error_pages import problem_content
from webapp.web.guard import actor, requires


@bp.post("/transactions/batch", endpoint="batch", strict_slashes=False)
@requires(Permission.TRANSACTION_CREATE)
@operation(
    "createTransactions",
    "Log many payments",
    tag="Transactions",
    body=schemas.Batch,
    max_body=2 * 1024 * 1024,
    idempotent=True,
    lease=timedelta(minutes=5),
    responses={200: outputs.BatchOut},
)
def batch() -> ResponseReturnValue:
    """Log up to 500 payments by the rules of POST /transactions; the worker asks the bank about them."""
    given = request_bodies.body(schemas.Batch)
    items = [_one(index, item) for index, item in enumerate(given.items)]
    statuses = [item.status for item in items]
    return json_response(
        outputs.BatchOut(
            items=items,
            created=statuses.count(201),
            stored=statuses.count(200),
            refused=sum(status >= 400 for status in statuses),
        )
    )


def _one(index: int, content: Any) -> outputs.BatchItemOut:
    try:
        given = request_bodies.validated(schemas.CreateTransaction, content)
        recorded = recording.record(given, submission_key=uuid.uuid4().hex, conditional=False)
    except DomainError as refusal:
        db.session.rollback()  # what was locked for it must not wait for the rest
        return outputs.BatchItemOut(
            index=index,
            status=refusal.status,
            problem=Problem.model_validate(problem_content(refusal)),
        )
    evidence = rules.may_see_evidence(actor())
    transaction = outputs.TransactionOut.of(recorded.transaction, evidence=evidence)
    return outputs.BatchItemOut(index=index, status=recorded.status, transaction=transaction)
