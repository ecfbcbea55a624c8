"""/api/v1/auth: registering, signing in, renewing and ending access."""

from __future__ import annotations

from flask import Response, current_app, jsonify
from flask.typing import ResponseReturnValue

from webapp.accounts import queries, service
from webapp.accounts.queries import KeyHolder, SignedInUser
from webapp.api import request_bodies, tokens
from webapp.api.access import schemas
from webapp.api.blueprint import bp
from webapp.api.contract.operation import operation
from webapp.kernel.config import Settings
from webapp.kernel.errors import Conflict, Forbidden, NotSignedIn
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Role
from webapp.throttling.attempts import failed_sign_ins, registrations
from webapp.web.guard import public, signed_in


@bp.post("/auth/register", strict_slashes=False)
@public
@operation(
    "register",
    "Ask for an account",
    tag="Access",
    body=schemas.Register,
    limited_by=registrations,
    codes={403: ("registration_closed",), 409: ("email_taken",)},
    responses={201: schemas.UserOut},
)
def register() -> ResponseReturnValue:
    """Create a user, as REGISTRATION allows: waiting for approval, at once, or not at all."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.registration == "closed":
        raise Forbidden(_("El registro está cerrado."), code="registration_closed")
    given = request_bodies.body(schemas.Register)
    at_once = settings.registration == "open"
    user = service.create_user(
        email=given.email,
        full_name=given.full_name,
        password=given.password,
        role=Role(settings.registration_role) if at_once else Role.CASHIER,
        permissions=None if at_once else frozenset(),
        is_active=at_once,
        national_id=given.national_id,
        phone_number=given.phone_number,
    )
    body = schemas.UserOut(
        id=str(user.id),
        email=user.email,
        full_name=user.full_name,
        role=Role(user.role),
        is_active=user.is_active,
        permissions=sorted(user.permissions),
    )
    return jsonify(body.model_dump()), 201


@bp.post("/auth/login", strict_slashes=False)
@public
@operation(
    "login",
    "Exchange e-mail and password for tokens",
    tag="Access",
    body=schemas.Login,
    limited_by=failed_sign_ins,
    codes={401: ("invalid_credentials",)},
    responses={200: schemas.TokenOut},
)
def login() -> ResponseReturnValue:
    """Exchange e-mail and password for tokens."""
    given = request_bodies.body(schemas.Login)
    try:
        user = service.authenticate(email=given.email, password=given.password)
        opened = service.open_session(
            user=user, lifetime=service.REFRESH_LIFETIME, refreshable=True
        )
    except NotSignedIn as refusal:
        refusal.headers.update(tokens.BEARER)
        raise
    fresh = queries.open_session(opened.session.id)
    if fresh is None:
        raise NotSignedIn(headers=tokens.BEARER)
    return _tokens(fresh, opened.refresh_token or "")


@bp.post("/auth/refresh", strict_slashes=False)
@public
@operation(
    "refresh",
    "Exchange a refresh token for new tokens",
    tag="Access",
    body=schemas.Refresh,
    codes={401: ("invalid_token", "token_reused")},
    responses={200: schemas.TokenOut},
)
def refresh() -> ResponseReturnValue:
    """Exchange a refresh token for new tokens; a used one ends the whole session."""
    given = request_bodies.body(schemas.Refresh)
    try:
        session, token = service.rotate_refresh(refresh_token=given.refresh_token)
    except NotSignedIn as refusal:
        refusal.headers.update(tokens.BEARER)
        raise
    return _tokens(session, token)


@bp.post("/auth/logout", strict_slashes=False)
@signed_in
@operation(
    "logout",
    "End the session and its tokens",
    tag="Access",
    codes={409: ("key_has_no_session",)},
    responses={204: None},
)
def logout() -> ResponseReturnValue:
    """End the session with its access and refresh tokens."""
    caller = tokens.caller()
    if isinstance(caller, KeyHolder):
        raise Conflict(
            _("Una llave para programas no inicia sesión: se revoca en administración."),
            code="key_has_no_session",
        )
    service.close_session(session_id=caller.session_id)
    return Response(status=204)


@bp.get("/auth/me", strict_slashes=False)
@signed_in
@operation("me", "Who the token belongs to", tag="Access", responses={200: schemas.UserOut})
def me() -> ResponseReturnValue:
    """Read as whom the token or key acts, and what it may do."""
    user = tokens.caller()
    body = schemas.UserOut(
        id=str(user.user_id),
        email=user.email,
        full_name=user.full_name,
        role=Role(user.role),
        is_active=True,
        permissions=sorted(user.actor.permissions),
    )
    return jsonify(body.model_dump())


def _tokens(session: SignedInUser, refresh_token: str) -> ResponseReturnValue:
    settings: Settings = current_app.config["SETTINGS"]
    body = schemas.TokenOut(
        access_token=tokens.issue(session),
        expires_in=settings.access_token_expire_minutes * 60,
        refresh_token=refresh_token,
    )
    return jsonify(body.model_dump())
