"""/api/v1/auth: registering, signing in, renewing and ending access."""

from __future__ import annotations

from flask import Response, current_app, jsonify
from flask.typing import ResponseReturnValue

from webapp.accounts import queries, service
from webapp.accounts.queries import SignedInUser
from webapp.api import auth, reading, schemas
from webapp.api.blueprint import bp
from webapp.api.contract import SIGN_IN_HEADERS, operation
from webapp.config import Settings
from webapp.errors import Forbidden, NotSignedIn
from webapp.limits import failed_sign_ins
from webapp.permissions import Permission, Role, public, signed_in
from webapp.words import gettext as _


@bp.post("/auth/register", strict_slashes=False)
@public
@operation(
    "register",
    "Ask for an account",
    tag="Access",
    body=schemas.Register,
    response_headers=SIGN_IN_HEADERS,
    answers={201: schemas.UserOut, 403: None, 409: None},
)
@failed_sign_ins
def register() -> ResponseReturnValue:
    """Create a user, as REGISTRATION allows: waiting for approval, at once, or not at all."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.registration == "closed":
        raise Forbidden(_("El registro está cerrado."), code="registration_closed")
    given = reading.body(schemas.Register)
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
    created = queries.user_by_id(user.id)
    assert created is not None  # noqa: S101 - it was committed a moment ago
    body = schemas.UserOut(
        id=str(created.id),
        email=created.email,
        full_name=created.full_name,
        role=Role(created.role),
        is_active=created.is_active,
        permissions=sorted(Permission(name) for name in created.permissions),
    )
    return jsonify(body.model_dump()), 201


@bp.post("/auth/login", strict_slashes=False)
@public
@operation(
    "login",
    "Exchange e-mail and password for tokens",
    tag="Access",
    body=schemas.Login,
    response_headers=SIGN_IN_HEADERS,
    answers={200: schemas.TokenOut, 401: None},
)
@failed_sign_ins
def login() -> ResponseReturnValue:
    """Exchange e-mail and password for tokens."""
    given = reading.body(schemas.Login)
    try:
        user = service.authenticate(email=given.email, password=given.password)
    except NotSignedIn as refusal:
        refusal.headers.update(auth.BEARER)
        raise
    opened = service.open_session(user=user, lifetime=service.REFRESH_LIFETIME, refreshable=True)
    fresh = queries.open_session(opened.session.id)
    if fresh is None:
        raise NotSignedIn(headers=auth.BEARER)
    return _tokens(fresh, opened.refresh_token or "")


@bp.post("/auth/refresh", strict_slashes=False)
@public
@operation(
    "refresh",
    "Exchange a refresh token for new tokens",
    tag="Access",
    body=schemas.Refresh,
    response_headers=SIGN_IN_HEADERS,
    answers={200: schemas.TokenOut, 401: None},
)
@failed_sign_ins
def refresh() -> ResponseReturnValue:
    """Exchange a refresh token for new tokens; the old one ends."""
    given = reading.body(schemas.Refresh)
    try:
        session, token = service.rotate_refresh(refresh_token=given.refresh_token)
    except NotSignedIn as refusal:
        refusal.headers.update(auth.BEARER)
        raise
    return _tokens(session, token)


@bp.post("/auth/logout", strict_slashes=False)
@signed_in
@operation("logout", "End the session and its tokens", tag="Access", answers={204: None})
def logout() -> ResponseReturnValue:
    """End the session: its access and refresh tokens open nothing from now on."""
    service.close_session(session_id=auth.current_user().session_id)
    return Response(status=204)


@bp.get("/auth/me", strict_slashes=False)
@signed_in
@operation("me", "Who the token belongs to", tag="Access", answers={200: schemas.UserOut})
def me() -> ResponseReturnValue:
    """Who the token belongs to."""
    user = auth.current_user()
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
        access_token=auth.issue(session),
        expires_in=settings.access_token_expire_minutes * 60,
        refresh_token=refresh_token,
    )
    return jsonify(body.model_dump())
