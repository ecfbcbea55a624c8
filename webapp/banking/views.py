"""Pages for administrators: every call to the bank, with its evidence."""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.banking import presenting, queries, wording
from webapp.banking.forms import CallFilterForm, mark_as_text, read_mark
from webapp.banking.queries import CallPage, Mark, TroubleSeen
from webapp.kernel.permissions import Permission
from webapp.web.guard import requires

bp = Blueprint("banking", __name__, url_prefix="/admin/bank-calls")

PAGE_SIZE = 50


@bp.get("", endpoint="calls", strict_slashes=False)
@requires(Permission.ADMIN_ACCESS)
def index() -> ResponseReturnValue:
    """Show the calls, newest first, and above them what needs an operator."""
    filters = CallFilterForm(request.args)
    before = read_mark(request.args.get("before", ""))
    page = CallPage(items=[], next=None)
    valid = filters.validate()
    if valid:
        page = queries.page(filters.wanted(), before=before, size=PAGE_SIZE)
    body = render_template(
        "banking/calls.html",
        filters=filters,
        filtered=any(filters.data.values()),
        calls=[presenting.shown(call) for call in page.items],
        troubles=[_trouble(seen) for seen in queries.troubles()],
        older_url=_url(page.next) if page.next else None,
        newest_url=_url(None) if before else None,
    )
    return body, 200 if valid else 422


def _trouble(seen: TroubleSeen) -> tuple[str, str]:
    facts = wording.trouble_facts(where=seen.environment, count=seen.count, last_at=seen.last_at)
    return wording.trouble(seen.kind), facts


def _url(mark: Mark | None) -> str:
    kept = {name: value for name, value in request.args.items() if name != "before" and value}
    if mark:
        kept["before"] = mark_as_text(mark)
    address = url_for("banking.calls")
    return f"{address}?{urlencode(kept)}" if kept else address


@bp.get("/<uuid:call_id>")
@requires(Permission.ADMIN_ACCESS)
def call(call_id: uuid.UUID) -> ResponseReturnValue:
    """Show one call with its evidence."""
    one = presenting.shown(queries.find(call_id))
    # Only by its address: banking knows no payments.
    payment_url = (
        url_for("transactions.show", transaction_id=str(one.transaction_row))
        if one.transaction_row
        else None
    )
    return render_template("banking/call.html", call=one, payment_url=payment_url)
