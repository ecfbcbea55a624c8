"""Inicio: today at a glance."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp.banking.in_force import bank, health
from webapp.kernel import clock
from webapp.kernel.permissions import Permission
from webapp.reports import queries
from webapp.transactions.lifecycle import Status
from webapp.web.guard import actor, requires

bp = Blueprint("reports", __name__)


@bp.get("/")
@requires(Permission.TRANSACTION_READ)
def home() -> ResponseReturnValue:
    """Show today's figures, each leading to its list."""
    day = clock.today()
    reviewer = actor().may(Permission.TRANSACTION_REVIEW)
    links = {
        "verified": _list(status=Status.COMPLETED.value, from_date=day, to_date=day),
        "in_progress": _list(status=Status.IN_PROGRESS.value),
        "review": url_for("reviews.queue") if reviewer else _list(status=Status.TO_REVIEW.value),
        "unknown": _list(status=Status.UNKNOWN.value),
        "new": url_for("transactions.new"),
    }
    return render_template(
        "reports/home.html",
        today=queries.today(day, bank_environment=bank().policy.environment),
        links=links,
        bank=health(),
    )


def _list(**filters: object) -> str:
    return url_for("transactions.list", **filters)  # type: ignore[arg-type]
