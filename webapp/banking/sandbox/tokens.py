"""The bank's clients, and the access tokens that it has given out."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from webapp.banking.sandbox.clock import BankClock


class Environment(StrEnum):
    """The bank's two worlds; credentials and tokens of one are worth nothing in the other."""

    QA = "qa"
    PRODUCTION = "production"


class Refusal(Exception):
    """A token request that is refused, in the words of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True, slots=True)
class Client:
    """Invented credentials: they open nothing but this sandbox, so they need no secrecy."""

    client_id: str
    secret: str
    environment: Environment
    grants: frozenset[str]


GRANTS = frozenset({"client_credentials", "password"})
CLIENTS = (
    Client("sandbox-client", "sandbox-secret", Environment.QA, GRANTS),
    # Like many clients of the bank: client_credentials is answered with unauthorized_client.
    Client("sandbox-confirmation", "sandbox-secret", Environment.QA, frozenset({"password"})),
    Client("sandbox-production", "sandbox-production-secret", Environment.PRODUCTION, GRANTS),
)


class TokenDesk:
    """Gives out tokens that end after their lifetime."""

    def __init__(self, clock: BankClock, lifetime: float) -> None:
        self._clock = clock
        self._default_lifetime = lifetime
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[Environment, datetime]] = {}
        self.lifetime = lifetime

    def grant(
        self,
        environment: Environment,
        form: Mapping[str, str],
        basic: tuple[str, str] | None = None,
    ) -> dict[str, Any]:
        """Answer a token request; the client may authenticate in the form or by HTTP Basic.

        Raises Refusal.
        """
        grant_type = form.get("grant_type", "")
        if not grant_type:
            raise Refusal("invalid_request", "grant_type is missing.")
        client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        client = _client(environment, client_id, secret)
        if client is None:
            raise Refusal("invalid_client", "Client authentication failed.", 401)
        if grant_type not in GRANTS:
            raise Refusal("unsupported_grant_type", "Use client_credentials or password.")
        if grant_type not in client.grants:
            raise Refusal("unauthorized_client", f"This client may not use {grant_type}.")
        if grant_type == "password" and not (
            _same(form.get("username", ""), client.client_id)
            and _same(form.get("password", ""), client.secret)
        ):
            raise Refusal("invalid_grant", "Invalid user credentials.", 401)
        answer: dict[str, Any] = {
            "access_token": self._issue(environment),
            "token_type": "Bearer",  # nosec B105
            "expires_in": int(self.lifetime),
        }
        if form.get("scope"):
            answer["scope"] = form["scope"]
        return answer

    def accepts(self, environment: Environment, token: str) -> bool:
        """Return whether a bearer token is known in this environment and has not ended."""
        with self._lock:
            known, ends = self._tokens.get(token, (None, None))
        return known == environment and ends is not None and self._clock.now() < ends

    def expire_all(self) -> int:
        """End every token now; returns how many there were."""
        with self._lock:
            ended = len(self._tokens)
            self._tokens.clear()
        return ended

    def reset(self) -> None:
        """End every token and go back to the configured lifetime."""
        self.expire_all()
        self.lifetime = self._default_lifetime

    def _issue(self, environment: Environment) -> str:
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        with self._lock:
            self._tokens = {known: held for known, held in self._tokens.items() if held[1] > now}
            self._tokens[token] = (environment, now + timedelta(seconds=self.lifetime))
        return token


def _client(environment: Environment, client_id: str, secret: str) -> Client | None:
    for client in CLIENTS:
        if client.environment == environment and _same(client_id, client.client_id):
            return client if _same(secret, client.secret) else None
    return None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
