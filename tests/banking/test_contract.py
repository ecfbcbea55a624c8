"""Both dialects of Banesco keep the contract of a gateway, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.banking.contract import GatewayContract, Scenario
from tests.support import banesco
from webapp.banking.gateway import BankGateway, BankType, Claim
from webapp.banking.sandbox.server import SandboxServer
from webapp.banking.sandbox.settings import SandboxSettings

FAMILIES = {
    Scenario.PAID: "100",
    Scenario.OTHER_AMOUNT: "200",
    Scenario.TWO_CREDITS: "130",
    Scenario.ONE_AMONG_OTHERS: "150",
    Scenario.ONLY_A_DEBIT: "140",
    Scenario.NOTHING: "600",
}


@pytest.fixture(scope="module")
def running_bank() -> Iterator[SandboxServer]:
    with SandboxServer(settings=SandboxSettings(hang_seconds=60, drip_seconds=0.2)) as server:
        yield server


@pytest.fixture
def bank(running_bank: SandboxServer) -> SandboxServer:
    """As freshly started."""
    running_bank.bank.reset()
    return running_bank


class Banesco(GatewayContract):
    """What both dialects share: the sandbox is the bank."""

    def credentials(self, bank: SandboxServer) -> dict[str, str]:
        return {
            "auth_url": bank.auth_url,
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
        }


class TestStatus(Banesco):
    @pytest.fixture
    def gateway(self, bank: SandboxServer, tmp_path: Path) -> BankGateway:
        return banesco.gateway(tmp_path, timeout=30, api_url=bank.api_url, **self.credentials(bank))

    def scenario(self, bank: SandboxServer, scenario: Scenario) -> Claim | None:
        # This dialect has one movement for one key, and no debits.
        if scenario in (Scenario.TWO_CREDITS, Scenario.ONE_AMONG_OTHERS, Scenario.ONLY_A_DEBIT):
            return None
        return Claim(
            reference=f"{FAMILIES[scenario]}012345",
            bank=BankType.MOBILE_TRANSFER,
            amount=Decimal("123.45"),
        )


class TestConfirmationOfMobilePayments(Banesco):
    @pytest.fixture
    def gateway(self, bank: SandboxServer, tmp_path: Path) -> BankGateway:
        return banesco.confirmation(
            tmp_path, timeout=30, api_url=bank.confirmation_url, **self.credentials(bank)
        )

    def scenario(self, bank: SandboxServer, scenario: Scenario) -> Claim | None:
        return Claim(
            reference=f"{FAMILIES[scenario]}123",
            bank=BankType.MOBILE_TRANSFER,
            amount=Decimal("123.00"),
            phone="04141234567",
            payer_bank="0102",
            operation_date=bank.bank.clock.today(),
        )


class TestConfirmationOfTransfersInsideBanesco(TestConfirmationOfMobilePayments):
    def scenario(self, bank: SandboxServer, scenario: Scenario) -> Claim | None:
        return Claim(
            reference=f"000{FAMILIES[scenario]}012345",
            bank=BankType.BANESCO,
            amount=Decimal("123.45"),
        )


class TestConfirmationOfTransfersFromElsewhere(TestConfirmationOfMobilePayments):
    def scenario(self, bank: SandboxServer, scenario: Scenario) -> Claim | None:
        claim = super().scenario(bank, scenario)
        assert claim is not None
        return replace(claim, bank=BankType.BANESCO, payer_bank="0105", phone=None)


class TestConfirmationInProduction(TestConfirmationOfMobilePayments):
    """Other HTTP statuses for the same codes."""

    @pytest.fixture
    def gateway(self, bank: SandboxServer, tmp_path: Path) -> BankGateway:
        return banesco.confirmation(
            tmp_path,
            timeout=30,
            api_url=bank.production_confirmation_url,
            auth_url=bank.production_auth_url,
            client_id="sandbox-production",
            client_secret="sandbox-production-secret",
        )
