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
from webapp.banking.oauth import OtherEnvironment, TokenCache, TokenSource, TokenStyle
from webapp.kernel.background import Pace
from webapp.kernel.clock import DailyWindow
from webapp.kernel.config import Settings


def _unasked_pace() -> Pace:
    return Pace(per_second=4, at_once=8)


@dataclass(frozen=True)
class BankConnection:
    """A gateway, and the rules under which it may be asked."""

    gateway: BankGateway
    policy: CallPolicy
    interactive_seconds: float
    """The most seconds of a check that a person waits for."""
    worker_seconds: float
    """The most seconds of the worker's check, repeats included."""

    give_up_after: timedelta
    """After so long a payment that the bank does not show goes to a person."""
    maintenance: DailyWindow | None = None
    """Hours in which the bank is often away and is asked less often."""
    account: str = field(default="", repr=False)
    """The clinic's own account in force, 20 digits."""
    pace: Pace = field(default_factory=_unasked_pace, init=False, repr=False, compare=False)
    """How often this process asks for nobody who waits; what is beyond it, the worker asks."""

    def is_quiet(self, now: datetime) -> bool:
        """Return whether the bank is in its hours of maintenance."""
        return self.maintenance is not None and self.maintenance.contains(now)

    def receiving_account(self, bank: BankType, payer_bank: str | None) -> str | None:
        """Return our account in force where a payment of this kind is searched in it, to be stored with it."""
        needs = self.gateway.requirements(bank, payer_bank)
        return self.account or None if needs.receiving_account else None

    def call_log(self, claim: Claim, transaction_id: uuid.UUID | None = None) -> DatabaseCallLog:
        """Return the log for the calls about a claim; `transaction_id` is its payment's row."""
        return self.call_log_for(self.gateway.subject(claim), transaction_id)

    def call_log_for(
        self, subject: str, transaction_id: uuid.UUID | None = None
    ) -> DatabaseCallLog:
        """Return the log for the calls about a subject of the gateway."""
        return DatabaseCallLog(self.policy, subject, transaction_id)

    def next_allowed_at(
        self, claim: Claim, transaction_id: uuid.UUID | None = None
    ) -> datetime | None:
        """Return when the bank may be asked about a claim again; None means now."""
        subject = self.policy.digest(self.gateway.subject(claim))
        return next_allowed_at(subject, transaction_id, limit=self.policy.limit)


def connect(settings: Settings, cache: TokenCache) -> BankConnection:
    """Return the connection that the settings describe."""
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
        other=_other_environment(settings),
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


def _other_environment(settings: Settings) -> OtherEnvironment | None:
    if settings.bank.environment == "qa":
        name, url = "production", settings.banesco_prod_auth_url
    else:
        name, url = "qa", settings.banesco_qa_auth_url
    return OtherEnvironment(name, url) if url else None


def _gateway(settings: Settings, conversation: Conversation) -> BankGateway:
    if settings.banesco_api == "status":
        return BanescoStatus(api_url=settings.bank.api_url, conversation=conversation)
    return BanescoConfirmation(
        url=settings.bank.api_url,
        account=settings.account,
        device=Device(settings.app_name, settings.banesco_device_ip),
        conversation=conversation,
    )
