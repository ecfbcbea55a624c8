"""Sign-in of browsers: Flask-Login's cookie names a session row, which can be ended."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from webapp.accounts import queries, service
from webapp.accounts.models import User
from webapp.accounts.queries import SignedInUser
from webapp.kernel.config import Settings
from webapp.kernel.errors import NotSignedIn
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Actor
from webapp.web.extensions import login_manager
from webapp.web.htmx import htmx_headers

MAX_TARGET = 2000
"""How long a page's address may be that somebody is sent to after signing in."""


@dataclass(frozen=True)
class SignedIn:
    """The signed-in person as Flask-Login wants them; their id there is the session's, not the user's."""

    user: SignedInUser

    is_authenticated = True
    is_active = True
    is_anonymous = False

    @property
    def full_name(self) -> str:
        """The person's name."""
        return self.user.full_name

    @property
    def role(self) -> str:
        """The person's role."""
        return self.user.role

    def get_id(self) -> str:
        """Return the id that the cookie names."""
        return str(self.user.session_id)


class PagesGate:
    """The gate of the pages: signed-in browsers pass, others are sent to the sign-in page and back again."""

    def actor(self) -> Actor | None:
        """Return the signed-in person, or None."""
        if not current_user.is_authenticated:
            return None
        signed_in: SignedInUser = current_user.user
        service.touch_session(signed_in=signed_in)
        return signed_in.actor

    def turn_away(self) -> ResponseReturnValue:
        """Redirect to the sign-in page, from which the browser comes back to where it was."""
        if htmx_headers():
            target = url_for("accounts.login", next=_path_asking())
            return Response(status=401, headers={"HX-Redirect": target})
        reads = request.method in ("GET", "HEAD")
        wanted = request.full_path.rstrip("?") if reads else _local_path_of(request.referrer)
        target = url_for("accounts.login", next=wanted or None)
        if not reads:
            flash(_("Su sesión terminó y no se guardó nada. Inicie sesión de nuevo."), "info")
        return redirect(target, code=303)


def _path_asking() -> str | None:
    """Return the path of the page from which HTMX asks, or None where it is not one of ours."""
    return _local_path_of(htmx_headers().current_url)


def _local_path_of(address: str | None) -> str | None:
    """Return the path of an address, or None where it is not one of ours."""
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return None
    if parts.netloc != request.host:
        return None
    return local_path(parts._replace(scheme="", netloc="", fragment="").geturl())


def local_path(target: str | None) -> str | None:
    """Return the target where it is a path of ours, else None, so that no link leads to another site."""
    if len(target or "") > MAX_TARGET:
        return None
    try:
        parts = urlsplit(target or "")
    except ValueError:
        return None
    local = target and target.startswith("/") and not target.startswith(("//", "/\\"))
    if not local or parts.scheme or parts.netloc or any(ord(c) < 32 for c in target or ""):
        return None
    return target


def sign_in(user: User) -> None:
    """Sign the browser in as the user, in a new session.

    Raises NotSignedIn where the password changed, or the user was deactivated, in this very moment.
    """
    settings: Settings = current_app.config["SETTINGS"]
    opened = service.open_session(user=user, lifetime=timedelta(hours=settings.session_hours))
    fresh = queries.open_session(opened.session.id)
    if fresh is None:
        raise NotSignedIn()
    session.clear()  # an older session must not survive, nor its form token
    session.permanent = True
    login_user(SignedIn(fresh))


def sign_out() -> None:
    """Sign the browser out, so that a copy of its cookie opens nothing either."""
    if current_user.is_authenticated:
        service.close_session(session_id=current_user.user.session_id)
    logout_user()
    session.clear()


def init_app(app: Flask) -> None:
    """Bind Flask-Login to the session rows."""
    login_manager.session_protection = None  # phones change their address; the session row decides
    login_manager.init_app(app, add_context_processor=False)

    @app.context_processor
    def current_user_proxy() -> dict[str, object]:
        # Flask-Login's proxy, which asks the database on use only: error pages must work without it.
        return {"current_user": current_user}

    @login_manager.user_loader  # type: ignore[untyped-decorator]
    def load(session_id: str) -> SignedIn | None:
        try:
            found = queries.open_session(uuid.UUID(session_id))
        except ValueError:
            return None
        return SignedIn(found) if found else None
