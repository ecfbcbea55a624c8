"""Bearer tokens: short-lived JWTs (ERD 6.1) that name a session row, so that they end at once."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta
from typing import Any

import jwt
from flask import current_app, g, request
from flask.typing import ResponseReturnValue

from webapp import clock
from webapp.accounts import queries, service
from webapp.accounts.queries import SignedInUser
from webapp.config import Settings
from webapp.errors import NotSignedIn, answer
from webapp.permissions import Actor

BEARER = {"WWW-Authenticate": 'Bearer realm="areamedica"'}
CLAIMS = ["sub", "sid", "exp", "iat", "jti"]


def issue(signed_in: SignedInUser) -> str:
    """An access token for an open session."""
    settings = _settings()
    now = clock.now()
    claims = {
        "sub": str(signed_in.user_id),
        "sid": str(signed_in.session_id),
        "email": signed_in.email,
        "permissions": sorted(signed_in.actor.permissions),
        "iat": now,
        "exp": now + timedelta(minutes=settings.access_token_expire_minutes),
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, _key(settings), algorithm=settings.algorithm)


def read(token: str) -> dict[str, Any]:
    """The claims of a token of ours that has not expired. Raises jwt.InvalidTokenError."""
    settings = _settings()
    claims: dict[str, Any] = jwt.decode(
        token, _key(settings), algorithms=[settings.algorithm], options={"require": CLAIMS}
    )
    return claims


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _key(settings: Settings) -> bytes:
    # Derived, so that a token and a browser's cookie are never signed with the same key.
    return hashlib.sha256(f"access-token:{settings.secret_key}".encode()).digest()


class ApiGate:
    """Programs are known by their bearer token alone."""

    def actor(self) -> Actor | None:
        signed_in = self._signed_in()
        if signed_in is None:
            return None
        g.api_user = signed_in
        service.touch_session(signed_in=signed_in)
        return signed_in.actor

    def _signed_in(self) -> SignedInUser | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        try:
            claims = read(token.strip())
            signed_in = queries.open_session(uuid.UUID(str(claims["sid"])))
        except (jwt.InvalidTokenError, ValueError):
            return None
        return signed_in if signed_in and str(signed_in.user_id) == claims["sub"] else None

    def turn_away(self) -> ResponseReturnValue:
        return answer(NotSignedIn(headers=BEARER, code="invalid_token"))


def current_user() -> SignedInUser:
    """Whoever the current request's token belongs to."""
    signed_in: SignedInUser = g.api_user
    return signed_in
