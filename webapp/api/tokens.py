"""Bearer tokens: short-lived JWTs (ERD 6.1), or keys for programs (`webapp.accounts.api_keys`).

An access token names a session row, so it ends at once with its session.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import jwt
from flask import current_app, g, request
from flask.typing import ResponseReturnValue

from webapp.accounts import api_keys, key_queries, queries, service
from webapp.accounts.queries import KeyHolder, SignedInUser
from webapp.kernel import clock
from webapp.kernel.config import Settings
from webapp.kernel.errors import NotSignedIn
from webapp.kernel.permissions import Actor
from webapp.web.error_pages import error_response

BEARER = {"WWW-Authenticate": 'Bearer realm="areamedica"'}
TOKEN_TYPE = "at+jwt"  # noqa: S105
"""The header `typ` of an access token (RFC 9068), which no other token of ours has."""
CLAIMS = ["sub", "sid", "exp", "iat", "jti"]


def issue(signed_in: SignedInUser) -> str:
    """Issue an access token for an open session."""
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
    key = signing_key(settings.secret_key)
    return jwt.encode(claims, key, algorithm=settings.algorithm, headers={"typ": TOKEN_TYPE})


def decode(token: str) -> Mapping[str, Any]:
    """Return the claims of an access token that is signed by a key in force and has not expired.

    Raises jwt.InvalidTokenError.
    """
    settings = _settings()
    claims = _signed_claims(token, tuple(settings.signing_keys), settings.algorithm)
    if int(claims["exp"]) <= clock.now().timestamp():
        raise jwt.ExpiredSignatureError("expired since it was read first")
    return claims


@lru_cache(maxsize=1_000)
def _signed_claims(token: str, secrets: tuple[str, ...], algorithm: str) -> Mapping[str, Any]:
    """Read a token once: of the same text the same claims come out, until it expires. Errors are not kept.

    Whether its session is open is nothing that a token says: that is asked for every request.
    """
    for secret in secrets:
        try:
            found = jwt.decode_complete(
                token,
                signing_key(secret),
                algorithms=[algorithm],
                # Not `iat`: the clock of the machine that issued the token may be a second ahead of ours.
                options={"require": CLAIMS, "verify_iat": False},
            )
        except jwt.InvalidSignatureError:
            continue
        except RecursionError:  # a header of brackets within brackets
            raise jwt.DecodeError("nested too deeply") from None
        if found["header"].get("typ") != TOKEN_TYPE:
            raise jwt.InvalidTokenError("not an access token")
        return MappingProxyType(found["payload"])
    raise jwt.InvalidSignatureError("signed by none of our keys")


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def signing_key(secret: str) -> bytes:
    """Derive the key that signs access tokens, so that it differs from the one that signs cookies."""
    return hashlib.sha256(f"access-token:{secret}".encode()).digest()


class ApiGate:
    """The gate of the API: a caller is known by an access token or a key for programs."""

    def actor(self) -> Actor | None:
        """Return who makes the request, and note that the session or key is in use; None without a valid token."""
        caller = self._caller()
        if caller is None:
            return None
        g.api_caller = caller
        if isinstance(caller, KeyHolder):
            api_keys.touch(holder=caller)
        else:
            service.touch_session(signed_in=caller)
        return caller.actor

    def _caller(self) -> SignedInUser | KeyHolder | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        if token.startswith(api_keys.MARK):
            return key_queries.key_holder(token, may_review=_settings().api_keys_may_review)
        try:
            claims = decode(token)
            signed_in = queries.open_session(uuid.UUID(str(claims["sid"])))
        except (jwt.InvalidTokenError, ValueError):
            return None
        return signed_in if signed_in and str(signed_in.user_id) == claims["sub"] else None

    def turn_away(self) -> ResponseReturnValue:
        """Return the refusal of a request without a valid token (401)."""
        return error_response(NotSignedIn(headers=BEARER, code="invalid_token"))


def caller() -> SignedInUser | KeyHolder:
    """Return the session or the key that makes the current request."""
    found: SignedInUser | KeyHolder = g.api_caller
    return found
