"""The adapter to Banesco as tests drive it: real settings, a log that keeps what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from cachelib import SimpleCache

from webapp.banking.banesco_confirmation import BanescoConfirmation, Device
from webapp.banking.banesco_status import BanescoStatus
from webapp.banking.calls import CallPolicy
from webapp.banking.connection import BankConnection
from webapp.banking.conversation import Conversation
from webapp.banking.gateway import BankError, BankType, CallRecord, Claim
from webapp.banking.http import BankHttp
from webapp.banking.oauth import TokenSource
from webapp.kernel.config import BankAccess

API_URL = "https://bank.test/v1"
AUTH_URL = "https://bank.test/oauth/token"
SECRET = "a-very-secret-secret"
CLAIM = Claim(reference="100000123", bank=BankType.BANESCO)


def access(**changes: str) -> BankAccess:
    """How to reach the bank of the tests."""
    usual: dict[str, Any] = {
        "environment": "qa",
        "api_url": API_URL,
        "auth_url": AUTH_URL,
        "client_id": "the-client",
        "client_secret": SECRET,
    }
    return BankAccess(**{**usual, **changes})


def gateway(folder: Path, *, timeout: float = 5, **changes: str) -> BanescoStatus:
    """An adapter with an empty cache of its own."""
    http = BankHttp()
    reach = access(**changes)
    tokens = TokenSource(reach, http=http, cache=SimpleCache(), lock_folder=folder)
    conversation = Conversation(tokens=tokens, http=http, timeout=timeout)
    return BanescoStatus(api_url=reach.api_url, conversation=conversation)


ACCOUNT = "01340000000000008514"


def confirmation(folder: Path, *, timeout: float = 5, **changes: str) -> BanescoConfirmation:
    """The adapter of the other dialect."""
    http = BankHttp()
    reach = access(**changes)
    tokens = TokenSource(reach, http=http, cache=SimpleCache(), lock_folder=folder)
    return BanescoConfirmation(
        url=reach.api_url,
        account=ACCOUNT,
        device=Device("areamedica-pagos", "127.0.0.1"),
        conversation=Conversation(tokens=tokens, http=http, timeout=timeout),
    )


def connection(
    folder: Path, *, limit: int = 2, timeout: float = 5, **changes: str
) -> BankConnection:
    """The whole connection, with the real log of calls."""
    return BankConnection(
        gateway=gateway(folder, timeout=timeout, **changes),
        policy=CallPolicy(environment="qa", dialect="status", limit=limit, timeout=timeout),
        interactive_seconds=timeout,
        worker_seconds=timeout * 2,
        give_up_after=timedelta(hours=72),
    )


class NotedCalls:
    """A log of calls without a database or a limit."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    @contextmanager
    def call(self, record: CallRecord) -> Iterator[CallRecord]:
        self.records.append(record)
        try:
            yield record
        except BankError as error:
            record.outcome, record.detail = error.outcome, error.detail
            raise

    def of(self, operation: str) -> list[CallRecord]:
        """The calls of one kind."""
        return [record for record in self.records if record.operation == operation]
