"""The guard before every route: what a route declares about its users, and who asks. Deny by default.

The policy itself, which role holds which permission, is the table in `webapp.kernel.permissions`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from flask import Flask, current_app, g, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError

from webapp.kernel.errors import Forbidden
from webapp.kernel.permissions import Actor, Permission
from webapp.web.extensions import csrf

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Access:
    """What a route declares about who may use it."""

    public: bool = False
    permission: Permission | None = None
    checks_form_token: bool = False
    """The view does it itself, to show again what was typed into a form of a session that ended."""


def public(view: View) -> View:
    """Let everybody use the route."""
    return _declare(view, Access(public=True))


def signed_in(view: View) -> View:
    """Let everybody who is signed in use the route."""
    return _declare(view, Access())


def requires(permission: Permission, *, checks_form_token: bool = False) -> Callable[[View], View]:
    """Let only holders of the permission use the route."""
    access = Access(permission=permission, checks_form_token=checks_form_token)
    return lambda view: _declare(view, access)


def form_is_stale() -> bool:
    """Tell whether the token of the form that was sent is missing, wrong, or another session's."""
    try:
        csrf.protect()
    except CSRFError:
        return True
    return False


def _declare(view: View, access: Access) -> View:
    view.__access__ = access  # type: ignore[attr-defined]
    return view


def access_of(view: Callable[..., Any]) -> Access | None:
    """Return what a view declares, or None where it declares nothing and is therefore refused."""
    access: Access | None = getattr(view, "__access__", None)
    return access


class Gate(Protocol):
    """How one part of the application (pages, API) learns who asks, and answers those it does not know."""

    def actor(self) -> Actor | None:
        """Return who asks, or None."""

    def turn_away(self) -> ResponseReturnValue:
        """Answer a request of somebody unknown."""


def actor() -> Actor:
    """Return who makes the current request. Raises Forbidden outside a guarded route."""
    current: Actor | None = g.get("actor")
    if current is None:
        raise Forbidden()
    return current


def init_app(app: Flask, *, pages: Gate, api: Gate) -> None:
    """Guard every route; a route that declares nothing is refused."""

    @app.before_request
    def guard() -> ResponseReturnValue | None:
        if request.endpoint is None:
            return None  # no such route or method: the router's 404 or 405 answers
        access = access_of(current_app.view_functions[request.endpoint])
        if access is None:
            raise Forbidden()
        if access.public:
            return None  # the sign-in form checks its own token
        gate = api if request.blueprint == "api" else pages
        g.actor = gate.actor()
        if g.actor is None:
            return gate.turn_away()
        if access.permission is not None:
            g.actor.require(access.permission)
        if gate is pages and not access.checks_form_token:
            csrf.protect()
        return None
