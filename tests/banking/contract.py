"""The contract of every gateway to a bank: inherit it, and say how your bank is reached.

The bank is a real HTTP server (the sandbox, for Banesco). `scenario` arranges what the bank shows and returns the
claim to ask about, or None where the dialect cannot express the scenario.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum

import pytest

from tests.support.banesco import SECRET, NotedCalls
from webapp.banking.gateway import (
    BankError,
    BankGateway,
    BankRateLimited,
    BankRefusedUs,
    BankType,
    BankUnavailable,
    BankUnreadable,
    CallNotAllowed,
    CallRecord,
    Claim,
    MovementState,
    Outcome,
    TransactionType,
)
from webapp.banking.sandbox.failures import Failure, Mode
from webapp.banking.sandbox.server import SandboxServer
from webapp.kernel import clock
from webapp.transactions import matching
from webapp.transactions.lifecycle import Status


class Scenario(StrEnum):
    """What the bank has under a reference."""

    PAID = "a credit that fits"
    OTHER_AMOUNT = "a credit of another amount"
    TWO_CREDITS = "two credits that fit"
    ONE_AMONG_OTHERS = "one that fits among others that do not"
    ONLY_A_DEBIT = "no credit"
    NOTHING = "nothing"


SILENT: dict[Mode, type[BankError] | tuple[type[BankError], ...]] = {
    Mode.HANG: BankUnavailable,
    Mode.DOWN: BankUnavailable,
    Mode.RESET: BankUnavailable,
    Mode.SLOW: BankUnavailable,
    Mode.HALF_BODY: (BankUnavailable, BankUnreadable),
    Mode.GARBAGE: BankUnreadable,
    Mode.CONTENT_TYPE: BankUnreadable,
    Mode.WRONG_TYPES: BankUnreadable,
    Mode.HUGE: BankUnreadable,
    Mode.REDIRECT: BankUnreadable,
    Mode.TOO_MANY: BankRateLimited,
    Mode.ERROR: BankUnavailable,
    Mode.BAD_GATEWAY: BankUnavailable,
    Mode.UNAVAILABLE: BankUnavailable,
    Mode.GATEWAY_TIMEOUT: BankUnavailable,
    Mode.UNAUTHORIZED: BankRefusedUs,
    Mode.FORBIDDEN: BankRefusedUs,
    Mode.BAD_REQUEST: BankRefusedUs,
}


PATIENCE = {Mode.HANG: 0.5, Mode.SLOW: 0.5}
"""Seconds after which we stop waiting for an answer that does not come; others fail sooner by themselves."""


class LimitedCalls(NotedCalls):
    """A log that allows no call about a payment at all."""

    def call(self, record: CallRecord):
        if record.operation != "token":
            raise CallNotAllowed(clock.now())
        return super().call(record)


class GatewayContract(ABC):
    """Inherit as `class TestMine(GatewayContract)` and give the two abstract parts."""

    @pytest.fixture
    def calls(self) -> NotedCalls:
        return NotedCalls()

    @abstractmethod
    @pytest.fixture
    def gateway(self) -> BankGateway:
        """The gateway, with an empty token cache and no limit of its own under 30 s."""

    @abstractmethod
    def scenario(self, bank: SandboxServer, scenario: Scenario) -> Claim | None:
        """Arrange the scenario at the bank."""

    def paid(self, bank: SandboxServer) -> Claim:
        claim = self.scenario(bank, Scenario.PAID)
        assert claim is not None
        return claim

    @pytest.mark.parametrize(
        ("scenario", "status"),
        [
            (Scenario.PAID, Status.COMPLETED),
            (Scenario.OTHER_AMOUNT, Status.TO_REVIEW),
            (Scenario.TWO_CREDITS, Status.TO_REVIEW),
            (Scenario.ONE_AMONG_OTHERS, Status.COMPLETED),
            (Scenario.ONLY_A_DEBIT, Status.IN_PROGRESS),
            (Scenario.NOTHING, Status.IN_PROGRESS),
        ],
    )
    def test_what_the_bank_shows_leads_to_the_expected_decision(
        self, bank, gateway, calls, scenario, status
    ):
        claim = self.scenario(bank, scenario)
        if claim is None:
            assert scenario in (
                Scenario.TWO_CREDITS,
                Scenario.ONE_AMONG_OTHERS,
                Scenario.ONLY_A_DEBIT,
            )
            return
        answer = gateway.ask(claim, calls=calls, seconds=30, attempts=1)
        assert matching.decide(claim, answer.movements, {}).status is status

    def test_a_movement_has_the_same_identity_whenever_it_is_shown(self, bank, gateway, calls):
        claim = self.paid(bank)
        first, second = (
            gateway.ask(claim, calls=calls, seconds=30, attempts=1).movements[0] for _ in range(2)
        )
        assert first == second
        assert first.state is MovementState.SETTLED and first.is_credit
        assert first.amount == claim.amount
        assert 0 < len(first.identity) <= 120

    @pytest.mark.parametrize("mode", list(SILENT))
    def test_a_bank_that_is_unwell_is_an_error_and_never_an_answer(
        self, bank, gateway, calls, mode
    ):
        claim = self.paid(bank)
        gateway.ask(claim, calls=calls, seconds=30, attempts=1)  # The token is had from here on.
        bank.bank.failures.add(Failure(mode, calls="transactions"))
        with pytest.raises(BankError) as silent:
            gateway.ask(claim, calls=calls, seconds=PATIENCE.get(mode, 30), attempts=1)
        assert isinstance(silent.value, SILENT[mode])
        (*_, record) = calls.of("transaction")
        assert record.outcome is not None
        assert record.outcome not in (Outcome.FOUND, Outcome.NOT_FOUND)

    @pytest.mark.parametrize(
        "mode", [Mode.HANG, Mode.ERROR, Mode.GARBAGE, Mode.UNAUTHORIZED, Mode.DOWN]
    )
    def test_a_token_endpoint_that_is_unwell_is_an_error_as_well(self, bank, gateway, calls, mode):
        claim = self.paid(bank)
        bank.bank.failures.add(Failure(mode, calls="tokens"))
        with pytest.raises(BankError):
            gateway.ask(claim, calls=calls, seconds=PATIENCE.get(mode, 30), attempts=1)
        assert calls.of("transaction") == []

    def test_every_call_is_written_down_and_holds_no_secret(self, bank, gateway, calls):
        gateway.ask(self.paid(bank), calls=calls, seconds=30, attempts=1)
        assert len(calls.of("token")) == len(bank.calls("token")) == 1
        (record,) = calls.of("transaction")
        assert record.http_status == 200
        assert record.response is not None
        kept = repr(calls.records)
        for secret in ("sandbox-secret", SECRET):
            assert secret not in kept

    def test_our_limit_stops_a_call_before_anything_is_sent(self, bank, gateway):
        with pytest.raises(CallNotAllowed):
            gateway.ask(self.paid(bank), calls=LimitedCalls(), seconds=30, attempts=3)
        assert [call for call in bank.calls() if call.kind != "token"] == []

    def test_a_token_is_used_until_it_ends_and_then_replaced(self, bank, gateway, calls):
        claim = self.paid(bank)
        for _ in range(3):
            gateway.ask(claim, calls=calls, seconds=30, attempts=1)
        assert len(bank.calls("token")) == 1
        bank.bank.tokens.expire_all()
        assert gateway.ask(claim, calls=calls, seconds=30, attempts=1).movements
        assert len(bank.calls("token")) == 2

    def test_a_repeat_asks_again_and_is_written_down_again(self, bank, gateway, calls, monkeypatch):
        monkeypatch.setattr("webapp.banking.conversation.RETRY_WAIT", (0.0, 1.0))
        claim = self.paid(bank)
        bank.bank.failures.add(Failure(Mode.ERROR, calls="transactions", left=2))
        assert gateway.ask(claim, calls=calls, seconds=30, attempts=3).movements
        assert len(calls.of("transaction")) == 3

    def test_many_threads_may_ask_at_once(self, bank, gateway, calls):
        claim = self.paid(bank)
        seen: list[int] = []

        def ask() -> None:
            seen.append(len(gateway.ask(claim, calls=calls, seconds=30, attempts=1).movements))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [1] * 8
        assert len(bank.calls("token")) == 1

    def test_the_same_question_has_the_same_subject_for_every_payment(self, bank, gateway):
        claim = self.paid(bank)
        commission = replace(claim, transaction_type=TransactionType.COMMISSION)
        assert gateway.subject(claim)
        assert (
            gateway.subject(claim) == gateway.subject(replace(claim)) == gateway.subject(commission)
        )
        other = replace(claim, reference=f"{int(claim.reference) + 1:0{len(claim.reference)}}")
        assert gateway.subject(other) != gateway.subject(claim)

    @pytest.mark.parametrize("kind", BankType)
    def test_an_adapter_names_what_a_payment_of_each_kind_needs(self, gateway, kind):
        needs = gateway.requirements(kind)
        least, most = needs.reference_digits
        assert 1 <= least <= most <= 20
        full = Claim(
            reference="1" * most,
            bank=kind,
            amount=Decimal(1),
            phone="04141234567",
            payer_bank="0102",
        )
        empty = replace(full, reference="1" * (least - 1), amount=None, phone=None, payer_bank=None)
        assert "reference" not in needs.missing(full)
        assert "reference" in needs.missing(empty)
        for field, needed in (
            ("amount", needs.amount),
            ("payer_bank", needs.payer_bank),
            ("phone", needs.payer_phone),
            ("operation_date", needs.operation_date),
        ):
            assert (field in needs.missing(empty)) is needed
        assert "receiving_account" not in needs.missing(empty)
