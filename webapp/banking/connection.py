"""The bank in force, built once per application from its settings."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from webapp.banking.banesco_confirmation import BanescoConfirmation, Device
from webapp.banking.banesco_status import BanescoStatus
from webapp.banking.calls import CallPolicy, DatabaseCallLog, next_allowed_at
from webapp.banking.conversation import Conversation
from webapp.banking.gateway import BankGateway, BankType, Claim
from webapp.banking.http import BankHttp
from webapp.banking.oauth import Elsewhere, TokenCache, TokenSource, TokenStyle
from webapp.kernel.clock import DailyWindow
from webapp.kernel.config import Settings


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
    maintenance: DailyWindow | None = None
    """Hours in which the bank is often away: it is asked less often."""
    account: str = field(default="", repr=False)
    """The clinic's own account in force, 20 digits."""

    def is_quiet(self, now: datetime) -> bool:
        """Is the bank in its hours of maintenance?"""
        return self.maintenance is not None and self.maintenance.contains(now)

    def receiving_account(self, bank: BankType, payer_bank: str | None) -> str | None:
        """Our account in force, where a payment of this kind is searched in it: it is stored at logging."""
        needs = self.gateway.requirements(bank, payer_bank)
        return self.account or None if needs.receiving_account else None

    def call_log(self, claim: Claim, transaction_id: uuid.UUID | None = None) -> DatabaseCallLog:
        """Where the calls about a claim are written and counted; `transaction_id` is its payment's row."""
        return self.log_of(self.gateway.subject(claim), transaction_id)

    def log_of(self, subject: str, transaction_id: uuid.UUID | None = None) -> DatabaseCallLog:
        """Where the calls about a subject of the gateway are written and counted."""
        return DatabaseCallLog(self.policy, subject, transaction_id)

    def next_allowed_at(
        self, claim: Claim, transaction_id: uuid.UUID | None = None
    ) -> datetime | None:
        """When the bank may be asked about a claim again; None where it may be asked now."""
        subject = self.policy.digest(self.gateway.subject(claim))
        return next_allowed_at(subject, transaction_id, limit=self.policy.limit)


def connect(settings: Settings, cache: TokenCache) -> BankConnection:
    """The connection that the settings describe."""
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
        elsewhere=_elsewhere(settings),
    )
    conversation = Conversation(tokens=tokens, http=http, timeout=settings.banesco_timeout)
    policy = CallPolicy(
        environment=settings.bank.environment,
        dialect=settings.banesco_api,
        limit=settings.banesco_rate_limit,
        timeout=settings.banesco_timeout,
    )
    return BankConnection(
        gateway=_gateway(settings, conversation),
        policy=policy,
        interactive_seconds=settings.banesco_interactive_seconds,
        worker_seconds=settings.banesco_timeout * 2 + 15,
        give_up_after=timedelta(hours=float(settings.banesco_give_up_after)),
        maintenance=settings.banesco_maintenance_window,
        account=settings.account,
    )


def _elsewhere(settings: Settings) -> Elsewhere | None:
    if settings.bank.environment == "qa":
        name, url = "production", settings.banesco_prod_auth_url
    else:
        name, url = "qa", settings.banesco_qa_auth_url
    return Elsewhere(name, url) if url else None


def _gateway(settings: Settings, conversation: Conversation) -> BankGateway:
    if settings.banesco_api == "status":
        return BanescoStatus(api_url=settings.bank.api_url, conversation=conversation)
    return BanescoConfirmation(
        url=settings.bank.api_url,
        account=settings.account,
        device=Device(settings.app_name, settings.banesco_device_ip),
        conversation=conversation,
    )
