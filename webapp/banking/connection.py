"""The bank in force, built once per application from its settings."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from webapp.banking.banesco_status import BanescoStatus
from webapp.banking.calls import CallPolicy, DatabaseCallLog
from webapp.banking.gateway import BankGateway
from webapp.banking.http import BankHttp
from webapp.banking.oauth import TokenCache, TokenSource, TokenStyle
from webapp.config import Settings, SettingsError


@dataclass(frozen=True)
class BankConnection:
    """A gateway with the policy under which it may be asked."""

    gateway: BankGateway
    policy: CallPolicy
    interactive_seconds: float
    """The most that a check asked for by a person may take."""
    worker_seconds: float
    """The most that a check of the worker may take, repeats included."""

    give_up_after: timedelta
    """How long a payment may stay unseen before a person must look."""

    def call_log(self, transaction_id: uuid.UUID) -> DatabaseCallLog:
        return DatabaseCallLog(self.policy, transaction_id)


def connect(settings: Settings, cache: TokenCache) -> BankConnection:
    """The connection that the settings describe. Raises SettingsError for an unknown dialect."""
    if settings.banesco_api != "status":
        raise SettingsError("BANESCO_API=confirmation is not available yet: use status.")
    http = BankHttp(ca_bundle=settings.banesco_ca_bundle)
    tokens = TokenSource(
        settings.bank,
        http=http,
        cache=cache,
        lock_folder=settings.data_dir / "locks",
        style=TokenStyle(
            grant_type=settings.banesco_grant_type,
            client_auth=settings.banesco_client_auth,
            scope=settings.banesco_scope,
        ),
    )
    gateway = BanescoStatus(
        api_url=settings.bank.api_url, tokens=tokens, http=http, timeout=settings.banesco_timeout
    )
    policy = CallPolicy(
        environment=settings.bank.environment,
        dialect=settings.banesco_api,
        limit=settings.banesco_rate_limit,
        timeout=settings.banesco_timeout,
    )
    return BankConnection(
        gateway=gateway,
        policy=policy,
        interactive_seconds=settings.banesco_interactive_seconds,
        worker_seconds=settings.banesco_timeout * 2 + 15,
        give_up_after=timedelta(hours=float(settings.banesco_give_up_after)),
    )
