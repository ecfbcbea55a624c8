"""Pages of payments: the list, one payment, the forms, and the question to the bank."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from webapp.banking import presenting as bank_presenting
from webapp.banking import queries as bank_queries
from webapp.banking.in_force import bank
from webapp.banking.presenting import ShownCall
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Permission
from webapp.transactions import (
    asking,
    checking,
    presenting,
    queries,
    rules,
    service,
    settlement,
    wording,
)
from webapp.transactions.checking import CheckOutcome, CheckResult
from webapp.transactions.forms import FilterForm, PaymentForm, ReasonForm, declared
from webapp.transactions.lifecycle import CHECKABLE, DECIDABLE, Status
from webapp.transactions.models import Transaction
from webapp.transactions.queries import Filter
from webapp.transactions.service import ReferenceTaken, StaleVersion, TransactionIdTaken
from webapp.web.extensions import app_context
from webapp.web.guard import actor, form_is_stale, requires
from webapp.web.htmx import is_part_asked_for, page_or_part

bp = Blueprint("transactions", __name__, url_prefix="/transactions")

PAGE_SIZE = 25


@bp.get("", endpoint="list", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
def index() -> ResponseReturnValue:
    """The list, narrowed by what stands in the address."""
    filters = FilterForm(request.args)
    valid = filters.validate()
    number = max(request.args.get("page", 1, type=int), 1)
    wanted = filters.wanted() if valid else Filter()
    page = queries.page(wanted, number=min(number, 100_000), size=PAGE_SIZE)
    if page.total and not page.items:
        page = queries.page(wanted, number=page.pages, size=PAGE_SIZE)  # the last one there is
    if not valid:
        page = queries.Page(items=[], total=0, number=1, size=PAGE_SIZE)
    polling = any(row.status is Status.IN_PROGRESS for row in page.items)
    context = {
        "filters": filters,
        "page": page,
        "page_url": _page_url,
        "rows": page.items,
        "polling": polling,
        "current_url": _page_url(page.number),
    }
    response = page_or_part("transactions/list.html", "transactions/_rows.html", **context)
    response.status_code = 200 if valid else 422
    return response


def _page_url(number: int) -> str:
    kept = {name: value for name, value in request.args.items() if name != "page" and value}
    if number > 1:
        kept["page"] = str(number)
    return (
        f"{url_for('transactions.list')}?{urlencode(kept)}"
        if kept
        else url_for("transactions.list")
    )


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.TRANSACTION_CREATE, checks_form_token=True)
def new() -> ResponseReturnValue:
    """Log a payment; the bank is asked right after, and nobody waits for it."""
    form = PaymentForm(requirements_of=bank().gateway.requirements)
    if request.method != "POST":
        return _form_page(form)
    if form_is_stale():
        return _stale_form_page(form)
    if not form.validate():
        return _form_page(form, status=422)
    details = form.details()
    try:
        logged = service.log(
            actor=actor(),
            details=details,
            transaction_id=form.transaction_id.canonical,
            submission_key=form.own_submission_key(),
            bank_environment=bank().policy.environment,
            receiving_account=bank().receiving_account(details.bank, details.payer_bank),
        )
    except ReferenceTaken as taken:
        form.reference.errors = [str(taken.sentence)]
        return _form_page(form, status=409, duplicate=taken.holder)
    except TransactionIdTaken as taken:
        form.transaction_id.errors = [str(taken.sentence)]
        return _form_page(form, status=409)
    if logged.created:
        asking.ask_in_background(logged.transaction.id, bank=bank(), context=app_context())
        flash(_("Pago guardado. Estamos consultando a Banesco."), "success")
    return redirect(url_of(logged.transaction), code=303)


def _stale_form_page(
    form: PaymentForm, *, editing: Transaction | None = None
) -> ResponseReturnValue:
    """What was typed, to be sent again from the session that is open now."""
    form.form_errors.append(
        _("Su sesión cambió y no se guardó nada. Revise lo que escribió y guarde de nuevo.")
    )
    return _form_page(form, status=400, editing=editing)


def _form_page(
    form: PaymentForm,
    *,
    status: int = 200,
    editing: Transaction | None = None,
    duplicate: Transaction | None = None,
    conflict: str | None = None,
) -> ResponseReturnValue:
    page = render_template(
        "transactions/form.html", form=form, editing=editing, duplicate=duplicate, conflict=conflict
    )
    return page, status


@bp.get("/<transaction_id>")
@requires(Permission.TRANSACTION_READ)
def show(transaction_id: str) -> ResponseReturnValue:
    """One payment: declared, shown, why, and what happened."""
    return show_page(queries.find(transaction_id))


def show_page(
    transaction: Transaction,
    *,
    status: int = 200,
    decision_form: ReasonForm | None = None,
    delete_form: ReasonForm | None = None,
    result: CheckResult | None = None,
) -> ResponseReturnValue:
    """The payment's page, or its live part for HTMX, with the forms as they were sent."""
    who = actor()
    why_not = rules.why_not_decide(who, transaction)
    decidable = transaction.status in DECIDABLE and who.may(Permission.TRANSACTION_REVIEW)
    can_decide = decidable and why_not is None
    foreseen = settlement.foreseen(transaction, actor=who) if can_decide else []
    decision_form = decision_form or ReasonForm(formdata=None)
    decision_form.speak_of(transaction.version, presenting.choices(transaction))
    response = page_or_part(
        "transactions/show.html",
        "transactions/_live.html",
        transaction=transaction,
        comparison=presenting.comparison(transaction),
        reasons=presenting.reasons(transaction),
        shown_movements=presenting.shown_movements(transaction),
        timeline=presenting.timeline(queries.events_of(transaction.id)),
        check=_check_state(transaction, result),
        can_edit=rules.may_correct(who, transaction),
        can_delete=who.may(Permission.TRANSACTION_DELETE),
        can_decide=can_decide,
        can_approve=not any(release.why_not for release in foreseen),
        releases=presenting.releases(foreseen),
        why_not_decide=why_not if decidable else None,
        decision_form=decision_form,
        delete_form=delete_form or ReasonForm(formdata=None, version=transaction.version),
        edit_url=url_of(transaction, "edit"),
        delete_url=url_of(transaction, "delete"),
        review_url=url_for("reviews.decide", transaction_id=transaction.transaction_id),
        polling=transaction.status is Status.IN_PROGRESS,
        bank_calls=_bank_calls(transaction),
        silence=None if result or transaction.is_final else _silence(transaction),
    )
    response.status_code = status
    return response


def _silence(transaction: Transaction) -> tuple[datetime, str] | None:
    """When the last question about this payment came to nothing, and whose fault that was."""
    last = bank_queries.last_silence(transaction.id)
    return (last[1], str(wording.SILENCES[last[0]])) if last else None


def _bank_calls(transaction: Transaction) -> list[ShownCall] | None:
    """The evidence, for those who decide and those who administer; None for everybody else."""
    who = actor()
    if not (who.may(Permission.TRANSACTION_REVIEW) or who.may(Permission.ADMIN_ACCESS)):
        return None
    return [bank_presenting.shown(call) for call in bank_queries.of_payment(transaction.id)]


def url_of(transaction: Transaction, action: str = "show") -> str:
    """The address of a payment, or of something that can be done with it."""
    return url_for(f"transactions.{action}", transaction_id=transaction.transaction_id)


def _check_state(transaction: Transaction, result: CheckResult | None) -> dict[str, Any] | None:
    foreign = transaction.bank_environment != bank().policy.environment
    if foreign or transaction.status not in CHECKABLE:
        return None
    wait = checking.waiting_seconds(transaction, bank=bank())
    now = clock.now()
    busy = transaction.checking_until is not None and transaction.checking_until > now
    return {
        "url": url_of(transaction, "check"),
        "allowed": wait == 0 and not busy and not _missing(transaction),
        "wait_seconds": wait,
        "incomplete": bool(_missing(transaction)),
        "sentence": _check_sentence(transaction, result, wait=wait, busy=busy),
    }


def _check_sentence(
    transaction: Transaction, result: CheckResult | None, *, wait: int, busy: bool
) -> str:
    missing = _missing(transaction)
    if missing:
        return wording.incomplete(missing)
    if busy:
        return _("Consultando a Banesco en este momento…")
    if result and result.outcome is CheckOutcome.BANK_SILENT:
        return str(wording.SILENCES[result.silence])
    if wait:
        return _("Próxima consulta en %(seconds)s s.", seconds=wait)
    if transaction.next_check_at and transaction.status is Status.IN_PROGRESS:
        seconds = max(int((transaction.next_check_at - clock.now()).total_seconds()), 0)
        if seconds:
            return _("El sistema vuelve a consultar solo en %(time)s.", time=_duration(seconds))
        return _("El sistema lo va a consultar en seguida.")
    return _("Puede consultar a Banesco ahora.")


def _missing(transaction: Transaction) -> tuple[str, ...]:
    """What the bank would need to be asked about this payment, and is not declared."""
    needs = bank().gateway.requirements(transaction.bank, transaction.payer_bank)
    return needs.missing(transaction.as_claim())


def _duration(seconds: int) -> str:
    if seconds < 120:
        return _("%(count)s s", count=seconds)
    return _("%(count)s min", count=seconds // 60)


@bp.post("/<transaction_id>/check")
@requires(Permission.TRANSACTION_READ)
def check(transaction_id: str) -> ResponseReturnValue:
    """Ask Banesco now, if the limit allows it; the page never waits longer than its bound."""
    transaction = queries.find(transaction_id)
    result = asking.ask_now(transaction.id, bank=bank(), context=app_context())
    transaction = queries.by_id(transaction.id)
    if is_part_asked_for():
        return show_page(transaction, result=result)
    flash(_check_message(transaction, result), "info")
    return redirect(url_of(transaction), code=303)


def _check_message(transaction: Transaction, result: CheckResult) -> str:
    if result.outcome is CheckOutcome.ANSWERED:
        return " ".join(presenting.reasons(transaction)) or _("Banesco respondió.")
    if result.outcome is CheckOutcome.NOT_CHECKABLE:
        return _("Este pago ya está cerrado: no hace falta consultarlo.")
    busy = result.outcome is CheckOutcome.BUSY
    wait = checking.waiting_seconds(transaction, bank=bank())
    return _check_sentence(transaction, result, wait=wait, busy=busy)


@bp.route("/<transaction_id>/edit", methods=["GET", "POST"])
@requires(Permission.TRANSACTION_READ, checks_form_token=True)
def edit(transaction_id: str) -> ResponseReturnValue:
    """Correct what was declared; the bank is asked anew."""
    transaction = queries.find(transaction_id)
    rules.require_may_correct(actor(), transaction)
    form = PaymentForm(
        requirements_of=bank().gateway.requirements,
        data=declared(transaction) if request.method != "POST" else None,
    )
    if request.method != "POST":
        return _form_page(form, editing=transaction)
    if form_is_stale():
        return _stale_form_page(form, editing=transaction)
    if not form.validate():
        return _form_page(form, status=422, editing=transaction)
    details = form.details()
    try:
        changed = service.correct(
            actor=actor(),
            row_id=transaction.id,
            version=form.version.data,
            details=details,
            receiving_account=bank().receiving_account(details.bank, details.payer_bank),
        )
    except ReferenceTaken as taken:
        form.reference.errors = [str(taken.sentence)]
        return _form_page(form, status=409, editing=transaction, duplicate=taken.holder)
    except StaleVersion as stale:
        db.session.rollback()
        transaction = queries.by_id(transaction.id)
        form.version.raw_data, form.version.data = None, transaction.version
        return _form_page(form, status=409, editing=transaction, conflict=str(stale.sentence))
    if changed.status is Status.IN_PROGRESS:
        asking.ask_in_background(changed.id, bank=bank(), context=app_context())
    flash(_("Cambios guardados."), "success")
    return redirect(url_of(changed), code=303)


@bp.post("/<transaction_id>/delete")
@requires(Permission.TRANSACTION_DELETE)
def delete(transaction_id: str) -> ResponseReturnValue:
    """Take a payment out of the lists, for a reason."""
    transaction = queries.find(transaction_id)
    form = ReasonForm()
    return _or_show_again(
        transaction,
        form,
        lambda: service.delete(
            actor=actor(),
            row_id=transaction.id,
            reason=form.reason.data or "",
            version=form.version.data,
        ),
    )


def _or_show_again(
    transaction: Transaction, form: ReasonForm, act: Callable[[], Transaction]
) -> ResponseReturnValue:
    try:
        act()
    except Invalid as invalid:
        form.reason.errors = invalid.errors["reason"]
        return show_page(queries.by_id(transaction.id), status=422, delete_form=form)
    except Conflict as conflict:
        db.session.rollback()
        form.reason.errors = [str(conflict.sentence)]
        return show_page(queries.by_id(transaction.id), status=409, delete_form=form)
    flash(_("Pago eliminado. Su historial se conserva."), "success")
    return redirect(url_for("transactions.list"), code=303)
