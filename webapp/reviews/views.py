"""Pages of the supervisor: what waits, and the decision."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, DomainError, Forbidden, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Permission
from webapp.transactions import presenting, queries, rules, service
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.transactions.payment_page import show_page, url_of
from webapp.transactions.reason_form import ReasonForm
from webapp.transactions.service import Verdict
from webapp.web.guard import actor, requires
from webapp.web.htmx import is_part_asked_for, page_or_part

bp = Blueprint("reviews", __name__)

MOST_SHOWN = 50
"""Of a longer queue the page shows those that wait longest: what is decided makes room for the next."""


@dataclass(frozen=True)
class QueueItem:
    """One payment that waits for a decision, and whether the person who looks may decide it."""

    transaction: Transaction
    reasons: list[str]
    decidable: bool
    why_not: str | None
    review_url: str
    waiting_since: datetime
    movements: int
    """How many movements there are to choose from; 0 where there is no choice."""


@bp.get("/reviews")
@requires(Permission.TRANSACTION_REVIEW)
def queue() -> ResponseReturnValue:
    """Show what waits for a decision, the longest waiting first."""
    return _queue_page()


def _queue_page(
    *, status: int = 200, failed: dict[str, dict[str, object]] | None = None
) -> ResponseReturnValue:
    waiting = queries.waiting_for_review(most=MOST_SHOWN)
    items = [_item(transaction, since) for transaction, since in waiting]
    response = page_or_part(
        "reviews/queue.html",
        "reviews/_items.html",
        items=items,
        total=len(items) if len(items) < MOST_SHOWN else queries.count_for_review(),
        failed=failed or {},
    )
    response.status_code = status
    return response


def _item(transaction: Transaction, since: datetime) -> QueueItem:
    why_not = rules.why_not_decide(actor(), transaction)
    return QueueItem(
        transaction=transaction,
        reasons=presenting.reasons(transaction),
        decidable=why_not is None,
        why_not=why_not,
        review_url=url_for(
            "reviews.decide", transaction_id=transaction.transaction_id, back="queue"
        ),
        waiting_since=since,
        movements=len(presenting.choices(transaction)),
    )


@bp.post("/transactions/<transaction_id>/review")
@requires(Permission.TRANSACTION_REVIEW)
def decide(transaction_id: str) -> ResponseReturnValue:
    """Approve or reject, with a reason; a second person is told who decided."""
    transaction = queries.find(transaction_id)
    form = ReasonForm()
    in_queue = request.args.get("back") == "queue"
    try:
        decided = service.decide(
            actor=actor(),
            row_id=transaction.id,
            verdict=_verdict(form.decision.data),
            reason=form.reason.data or "",
            version=form.seen_version(),
            movement=form.movement.data or None,
        )
    except (Invalid, Conflict, Forbidden) as refusal:
        db.session.rollback()
        return _refused(transaction.id, form, refusal, in_queue=in_queue)
    flash(_outcome(decided), "success")
    if is_part_asked_for():
        return _queue_page()
    target = url_for("reviews.queue") if in_queue else url_of(decided)
    return redirect(target, code=303)


def _verdict(given: str | None) -> Verdict:
    try:
        return Verdict(given or "")
    except ValueError:
        raise Invalid(errors={"reason": [_("Elija aprobar o rechazar.")]}) from None


def _outcome(decided: Transaction) -> str:
    if decided.status is Status.COMPLETED:
        return _("Pago %(id)s aprobado.", id=decided.transaction_id)
    return _("Pago %(id)s rechazado.", id=decided.transaction_id)


def _refused(
    row_id: uuid.UUID, form: ReasonForm, refusal: DomainError, *, in_queue: bool
) -> ResponseReturnValue:
    """Answer with the same page again, with what was typed and why nothing was decided."""
    sentences = form.refuse(refusal)
    transaction = queries.by_id(row_id)
    if not isinstance(refusal, Invalid):
        flash(sentences[0], "error")
    if in_queue:
        failure: dict[str, object] = {"errors": sentences, "reason": form.reason.data or ""}
        return _queue_page(status=refusal.status, failed={transaction.transaction_id: failure})
    return show_page(transaction, status=refusal.status, sent={"decide": form})
