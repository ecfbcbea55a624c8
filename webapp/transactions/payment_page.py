"""The page of one payment, for every feature that shows it: what was declared, what the bank shows, what may be done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from flask import url_for
from flask.typing import ResponseReturnValue

from webapp.banking import presenting as bank_presenting
from webapp.banking import queries as bank_queries
from webapp.banking.in_force import bank
from webapp.banking.presenting import ShownCall
from webapp.kernel.permissions import Actor, Permission
from webapp.transactions import check_panel, presenting, queries, rules, settlement, wording
from webapp.transactions.checking import CheckResult
from webapp.transactions.lifecycle import DECIDABLE, Status
from webapp.transactions.models import Transaction
from webapp.transactions.reason_form import ReasonForm
from webapp.web.guard import actor
from webapp.web.htmx import page_or_part, state_of, unchanged

Action = Literal["decide", "delete", "reopen"]


def url_of(transaction: Transaction, action: str = "show") -> str:
    """Return the address of a payment, or of something that can be done with it."""
    return url_for(f"transactions.{action}", transaction_id=transaction.transaction_id)


def show_page(
    transaction: Transaction,
    *,
    status: int = 200,
    sent: Mapping[Action, ReasonForm] | None = None,
    result: CheckResult | None = None,
) -> ResponseReturnValue:
    """Answer with the payment's page, or its live part for HTMX.

    `sent` are forms to show as they were sent, by what they do; `result` is how asking the bank just ended.
    """
    who, forms = actor(), sent or {}
    check = check_panel.panel(transaction, result, bank=bank())
    silence = None if result or transaction.is_final else _silence(transaction)
    # Whatever happens to a payment sets `updated_at`: an event, a question to the bank, an answer.
    state = state_of(transaction.id, transaction.updated_at, check and check.state, silence)
    response = unchanged(state) or page_or_part(
        "transactions/show.html",
        "transactions/_live.html",
        transaction=transaction,
        comparison=presenting.comparison(transaction),
        reasons=presenting.reasons(transaction),
        shown_movements=presenting.shown_movements(transaction)
        if rules.may_see_evidence(who)
        else [],
        timeline=presenting.timeline(queries.events_of(transaction.id)),
        check=check,
        check_url=url_of(transaction, "check"),
        polling=transaction.status is Status.IN_PROGRESS,
        bank_calls=_bank_calls(transaction, who),
        silence=silence,
        state=state,
        **_decision(transaction, who, forms.get("decide")),
        **_record_actions(transaction, who),
        delete_form=_bound(forms.get("delete"), transaction),
        reopen_form=_bound(forms.get("reopen"), transaction),
    )
    if status != 200:
        response.status_code = status
    return response


def _decision(transaction: Transaction, who: Actor, form: ReasonForm | None) -> dict[str, Any]:
    """Say whether this person may decide the payment, or why not, and what approving it would free."""
    why_not = rules.why_not_decide(who, transaction)
    decidable = transaction.status in DECIDABLE and who.may(Permission.TRANSACTION_REVIEW)
    foreseen = settlement.foreseen(transaction, actor=who) if decidable and not why_not else []
    why_not = why_not or next((one.why_not for one in foreseen if one.why_not), None)
    form = form or ReasonForm(formdata=None)
    form.bind_to(transaction.version, presenting.choices(transaction))
    return {
        "can_decide": decidable and why_not is None,
        "releases": presenting.releases(foreseen),
        "why_not_decide": why_not if decidable else None,
        "decision_form": form,
        "review_url": url_for("reviews.decide", transaction_id=transaction.transaction_id),
    }


def _record_actions(transaction: Transaction, who: Actor) -> dict[str, Any]:
    """Say whether this person may correct, delete or reopen the payment, and where."""
    return {
        "can_edit": rules.may_correct(who, transaction),
        "can_delete": who.may(Permission.TRANSACTION_DELETE),
        "can_reopen": rules.may_reopen(who, transaction),
        "edit_url": url_of(transaction, "edit"),
        "delete_url": url_of(transaction, "delete"),
        "reopen_url": url_of(transaction, "reopen"),
    }


def _bound(form: ReasonForm | None, transaction: Transaction) -> ReasonForm:
    """Return the form as it was sent, or an empty one, about the payment as it stands now."""
    form = form or ReasonForm(formdata=None)
    form.bind_to(transaction.version)
    return form


def _silence(transaction: Transaction) -> tuple[datetime, str] | None:
    """Return when the last question about this payment came to nothing, and whose fault that was."""
    last = bank_queries.last_silence(transaction.id)
    return (last[1], str(wording.SILENCES[last[0]])) if last else None


def _bank_calls(transaction: Transaction, who: Actor) -> list[ShownCall] | None:
    """Return the evidence of the bank's answers; None for those who may not see it."""
    if not rules.may_see_evidence(who):
        return None
    return [bank_presenting.shown(call) for call in bank_queries.of_payment(transaction.id)]
