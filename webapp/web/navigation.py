"""What every page shows around its content: where the person may go, and whether the bank answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, g, request, url_for

from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Actor, Permission
from webapp.web.htmx import htmx_headers
from webapp.web.language import current_language


@dataclass(frozen=True)
class NavItem:
    """One entry of the main menu."""

    label: str
    url: str
    icon: str
    active: bool
    count: int | None = None


def init_app(
    app: Flask,
    *,
    count_for_review: Callable[[], int],
    bank_down_since: Callable[[], datetime | None],
    bank_environment: Callable[[], str],
) -> None:
    """Give every template the menu and the banners; pages of strangers and errors ask nothing of the database."""

    @app.context_processor
    def surroundings() -> dict[str, object]:
        actor: Actor | None = None if "is_error_page" in g else g.get("actor")
        return {
            # Parts of pages have neither, and ask nothing for them.
            "menu": lambda: _menu(actor, count_for_review) if actor else [],
            "bank_down_since": lambda: bank_down_since() if actor else None,
            "bank_environment": bank_environment(),
            "locale": current_language(),
            "is_htmx": bool(htmx_headers()),
        }


def _menu(actor: Actor, count_for_review: Callable[[], int]) -> list[NavItem]:
    entries = [
        (Permission.TRANSACTION_READ, _("Inicio"), "reports.home", "house", None),
        (Permission.TRANSACTION_READ, _("Pagos"), "transactions.list", "list", None),
        (Permission.TRANSACTION_CREATE, _("Nuevo pago"), "transactions.new", "plus", None),
        (
            Permission.TRANSACTION_REVIEW,
            _("Por revisar"),
            "reviews.queue",
            "triangle-alert",
            count_for_review,
        ),
        (Permission.ADMIN_ACCESS, _("Usuarios"), "administration.users", "users", None),
        (Permission.ADMIN_ACCESS, _("Banco"), "banking.calls", "landmark", None),
    ]
    return [
        NavItem(label, url_for(endpoint), icon, request.endpoint == endpoint, count and count())
        for permission, label, endpoint, icon, count in entries
        if actor.may(permission)
    ]
