"""A real sandbox on a free loopback port, whose clock only moves when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
import requests

from webapp.banking.sandbox.clock import BankClock
from webapp.banking.sandbox.server import SandboxServer
from webapp.banking.sandbox.settings import SandboxSettings

# In Caracas it is still the 24th, ten at night.
NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
ACCOUNT = "01340123456789018514"


class Customer:
    """Somebody who asks the bank over HTTP, with a token of each environment."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        self.production = False
        self._numbers = count(1)

    def token(self, **form: str) -> requests.Response:
        known = ("sandbox-client", "sandbox-secret")
        url = self.sandbox.auth_url
        if self.production:
            known = ("sandbox-production", "sandbox-production-secret")
            url = self.sandbox.production_auth_url
        usual = {
            "grant_type": "client_credentials",
            "client_id": known[0],
            "client_secret": known[1],
        }
        return requests.post(url, data=usual | form, timeout=30, allow_redirects=False)

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token().json()['access_token']}"}

    def ask(self, key: str, headers: dict[str, str] | None = None) -> requests.Response:
        base = self.sandbox.production_api_url if self.production else self.sandbox.api_url
        return requests.get(
            f"{base}/transactions/{key}",
            headers=self.bearer() if headers is None else headers,
            timeout=30,
            allow_redirects=False,
        )

    def search(self, **transaction: Any) -> requests.Response:
        return self.post({"dataRequest": self.envelope() | {"transaction": transaction}})

    def envelope(self) -> dict[str, Any]:
        return {
            "device": {"type": "Server", "description": "test", "ipAddress": "10.0.0.1"},
            "securityAuth": {"sessionId": f"session-{next(self._numbers)}"},
        }

    def post(self, payload: Any, headers: dict[str, str] | None = None) -> requests.Response:
        sandbox = self.sandbox
        return requests.post(
            sandbox.production_confirmation_url if self.production else sandbox.confirmation_url,
            json=payload,
            headers=self.bearer() if headers is None else headers,
            timeout=30,
            allow_redirects=False,
        )

    def admin(self, method: str, path: str, payload: Any = None) -> requests.Response:
        return requests.request(
            method, f"{self.sandbox.base_url}/admin/{path}", json=payload, timeout=30
        )


@pytest.fixture(scope="package")
def running_sandbox() -> Iterator[SandboxServer]:
    settings = SandboxSettings(hang_seconds=0.2, drip_seconds=0.02, huge_bytes=300_000)
    with SandboxServer(settings=settings, clock=BankClock(lambda: NOW)) as server:
        yield server


@pytest.fixture
def sandbox(running_sandbox: SandboxServer) -> SandboxServer:
    """As freshly started."""
    running_sandbox.bank.reset()
    return running_sandbox


@pytest.fixture
def customer(sandbox: SandboxServer) -> Customer:
    return Customer(sandbox)
