"""Pages of payments: the list, one payment, its forms, and asking the bank."""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

from flask import (
    Blueprint,
    flash,
    redirect,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from webapp.banking.in_force import bank
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Permission
from webapp.transactions import (
    asking,
    check_panel,
    filtering,
    intake,
    presenting,
    queries,
    rules,
    service,
)
from webapp.transactions.forms import FilterForm, PaymentForm, declared
from webapp.transactions.lifecycle import Status
from webapp.transactions.list_page import count_in_process, listed
from webapp.transactions.models import Transaction
from webapp.transactions.notices import reader
from webapp.transactions.notices import wording as notice_wording
from webapp.transactions.notices.reader import NotANotice
from webapp.transactions.notices.wording import ReadNotice
from webapp.transactions.payment_page import show_page, url_of
from webapp.transactions.queries import Page
from webapp.transactions.reason_form import ReasonForm
from webapp.transactions.service import ReferenceTaken, TransactionIdTaken
from webapp.transactions.versions import StaleVersion, changes_since
from webapp.web.extensions import app_context
from webapp.web.guard import actor, form_is_stale, requires
from webapp.web.htmx import asks_again, is_part_asked_for, page_or_part, state_of, unchanged

bp = Blueprint("transactions", __name__, url_prefix="/transactions")

PAGE_SIZE = 25
QUICKLY_READ = 20
"""Pages that are so near the beginning that their rows are found at once."""


@bp.get("", endpoint="list", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
def index() -> ResponseReturnValue:
    """Show the list, narrowed by what stands in the address."""
    same = _same_rows() if asks_again() else None
    if same is not None:
        return same
    # The form is not sent again with the rows alone.
    people = [] if is_part_asked_for() else queries.people_who_log()
    filters = FilterForm(request.args, people=people)
    page = _page(filters)
    rows = listed(page.items, bank_environment=bank().policy.environment)
    response = page_or_part(
        "transactions/list.html",
        "transactions/_rows.html",
        filters=filters,
        page=page,
        page_url=_page_url,
        rows=rows,
        in_process=count_in_process(rows),
        state=state_of(page.total, [(row.id, row.version) for row in page.items]),
        current_url=_page_url(page.number),
    )
    response.status_code = 422 if filters.errors else 200
    return response


def _same_rows() -> ResponseReturnValue | None:
    """Answer a page that asks for itself again where its rows are still the same, without reading all of them."""
    wanted, problems = filtering.read(request.args)
    number = _wanted_page()
    if problems or number > QUICKLY_READ:
        return None
    total, versions = queries.versions_on_page(wanted, number=number, size=PAGE_SIZE)
    return unchanged(state_of(total, versions))


def _wanted_page() -> int:
    return min(max(request.args.get("page", 1, type=int), 1), 100_000)


def _page(filters: FilterForm) -> Page:
    """Return the page that is asked for, or the last one there is; none where the filter makes no sense."""
    if filters.errors:
        return Page(items=[], total=0, number=1, size=PAGE_SIZE)
    page = queries.page(filters.wanted, number=_wanted_page(), size=PAGE_SIZE)
    if page.total and not page.items:
        page = queries.page(filters.wanted, number=page.pages, size=PAGE_SIZE)
    return page


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
    not_sent = _not_sent(form)
    if not_sent is not None:
        return not_sent
    try:
        logged = intake.log(
            actor=actor(),
            details=form.details(),
            transaction_id=form.transaction_id.canonical,
            submission_key=form.own_submission_key(),
            bank=bank(),
        )
    except (ReferenceTaken, TransactionIdTaken) as taken:
        return _taken_page(form, taken)
    if logged.created:
        asking.ask_in_background(logged.transaction.id, bank=bank(), context=app_context())
        flash(_("Pago guardado. Estamos consultando a Banesco."), "success")
    return redirect(url_of(logged.transaction), code=303)


@bp.post("/new/notice")
@requires(Permission.TRANSACTION_CREATE, checks_form_token=True)
def read_notice() -> ResponseReturnValue:
    """Fill the form from a pasted notice, of which nothing is kept; what the notice does not say stays as typed."""
    form = PaymentForm(requirements_of=bank().gateway.requirements)
    try:
        notice = reader.read(request.form.get("notice", ""), today=clock.today())
    except NotANotice as refused:
        return _form_page(form, status=422, notice=notice_wording.refused(refused.refusal))
    form.fill(notice.values)
    return _form_page(form, notice=notice_wording.understood(notice))


def _not_sent(
    form: PaymentForm, *, editing: Transaction | None = None
) -> ResponseReturnValue | None:
    """Answer with the form where it was not sent, or not from this session, or with mistakes; else None."""
    if request.method != "POST":
        return _form_page(form, editing=editing)
    if form_is_stale():
        form.form_errors.append(
            _("Su sesión cambió y no se guardó nada. Revise lo que escribió y guarde de nuevo.")
        )
        return _form_page(form, status=400, editing=editing)
    return None if form.validate() else _form_page(form, status=422, editing=editing)


def _taken_page(
    form: PaymentForm,
    taken: ReferenceTaken | TransactionIdTaken,
    *,
    editing: Transaction | None = None,
) -> ResponseReturnValue:
    """Answer with what was typed, and with the payment that has the reference already."""
    if isinstance(taken, ReferenceTaken):
        form.reference.errors = [str(taken.sentence)]
        return _form_page(form, status=409, editing=editing, duplicate=taken.holder)
    form.transaction_id.errors = [str(taken.sentence)]
    return _form_page(form, status=409, editing=editing)


def _form_page(
    form: PaymentForm,
    *,
    status: int = 200,
    editing: Transaction | None = None,
    duplicate: Transaction | None = None,
    conflict: tuple[str, list[str]] | None = None,
    notice: ReadNotice | None = None,
) -> ResponseReturnValue:
    response = page_or_part(
        "transactions/form.html",
        "transactions/_form.html",
        form=form,
        editing=editing,
        duplicate=duplicate,
        conflict=conflict,
        notice=notice,
        notes=notice.notes if notice else {},
    )
    response.status_code = status
    return response


@bp.get("/<transaction_id>")
@requires(Permission.TRANSACTION_READ)
def show(transaction_id: str) -> ResponseReturnValue:
    """Show one payment: what was declared, what the bank shows, why, and what happened."""
    return show_page(queries.find(transaction_id))


@bp.post("/<transaction_id>/check")
@requires(Permission.TRANSACTION_READ)
def check(transaction_id: str) -> ResponseReturnValue:
    """Ask Banesco now, if the limit allows it; the page never waits longer than its bound."""
    transaction = queries.find(transaction_id)
    result = asking.ask_now(transaction.id, bank=bank(), context=app_context())
    transaction = queries.by_id(transaction.id)
    if is_part_asked_for():
        return show_page(transaction, result=result)
    flash(check_panel.outcome(transaction, result, bank=bank()), "info")
    return redirect(url_of(transaction), code=303)


@bp.route("/<transaction_id>/edit", methods=["GET", "POST"])
@requires(Permission.TRANSACTION_READ, checks_form_token=True)
def edit(transaction_id: str) -> ResponseReturnValue:
    """Correct what was declared; the bank is asked again where that matters to it."""
    transaction = queries.find(transaction_id)
    rules.require_may_correct(actor(), transaction)
    data = declared(transaction) if request.method != "POST" else None
    form = PaymentForm(requirements_of=bank().gateway.requirements, data=data)
    not_sent = _not_sent(form, editing=transaction)
    if not_sent is not None:
        return not_sent
    try:
        changed = intake.correct(
            actor=actor(),
            row_id=transaction.id,
            version=form.seen_version(),
            details=form.details(),
            bank=bank(),
        )
    except ReferenceTaken as taken:
        return _taken_page(form, taken, editing=transaction)
    except StaleVersion as stale:
        return _conflict_page(form, stale, transaction.id)
    if changed.status is Status.IN_PROGRESS:
        asking.ask_in_background(changed.id, bank=bank(), context=app_context())
    flash(_("Cambios guardados."), "success")
    return redirect(url_of(changed), code=303)


def _conflict_page(
    form: PaymentForm, stale: StaleVersion, row_id: uuid.UUID
) -> ResponseReturnValue:
    """Answer with what was typed, and say field by field what changed since the form was opened."""
    transaction = _reread(row_id)
    seen = form.version.data
    changes = changes_since(queries.events_of(row_id), seen) if seen is not None else []
    form.bind_to(transaction.version)
    conflict = (str(stale.sentence), presenting.changes(changes))
    return _form_page(form, status=409, editing=transaction, conflict=conflict)


@bp.post("/<transaction_id>/delete")
@requires(Permission.TRANSACTION_DELETE)
def delete(transaction_id: str) -> ResponseReturnValue:
    """Take a payment out of the lists, for a reason."""
    row_id, form = queries.find(transaction_id).id, ReasonForm()
    try:
        service.delete(
            actor=actor(),
            row_id=row_id,
            reason=form.reason.data or "",
            version=form.seen_version(),
        )
    except (Invalid, Conflict) as refusal:
        form.refuse(refusal)
        return show_page(_reread(row_id), status=refusal.status, sent={"delete": form})
    flash(_("Pago eliminado. Su historial se conserva."), "success")
    return redirect(url_for("transactions.list"), code=303)


@bp.post("/<transaction_id>/reopen")
@requires(Permission.ADMIN_ACCESS)
def reopen(transaction_id: str) -> ResponseReturnValue:
    """Put a decided payment back before the supervisors, for a reason."""
    row_id, form = queries.find(transaction_id).id, ReasonForm()
    try:
        reopened = service.reopen(
            actor=actor(),
            row_id=row_id,
            reason=form.reason.data or "",
            version=form.seen_version(),
        )
    except (Invalid, Conflict) as refusal:
        (*_others, sentence) = form.refuse(refusal)
        if isinstance(refusal, Conflict):
            flash(sentence, "error")  # the form is not shown where there is nothing to reopen
        return show_page(_reread(row_id), status=refusal.status, sent={"reopen": form})
    flash(_("Pago reabierto. Ahora debe decidirlo otra persona."), "success")
    return redirect(url_of(reopened), code=303)


def _reread(row_id: uuid.UUID) -> Transaction:
    """Return the payment as it stands now, after a unit of work that was refused."""
    db.session.rollback()
    return queries.by_id(row_id)
