"""A bank whose answers the test chooses, behind the real call log and the real limit."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from webapp.banking.connection import BankConnection
from webapp.banking.gateway import (
    BankAnswer,
    BankType,
    CallLog,
    CallRecord,
    Claim,
    Movement,
    MovementState,
    Outcome,
    Requirements,
)
from webapp.transactions.models import Transaction


def movement(transaction: Transaction, **changes: Any) -> Movement:
    """The settled credit that fits a payment, with changes."""
    fitting = Movement(
        identity=f"banesco:{transaction.reference}:TRANSACTION",
        state=MovementState.SETTLED,
        word="approved",
        reference=transaction.reference,
        amount=transaction.amount or Decimal("1.00"),
        currency="VES",
    )
    return replace(fitting, **changes)


def answer(*movements: Movement) -> BankAnswer:
    """An answer that shows these movements."""
    return BankAnswer(movements=movements, payload={"status": "test"} if movements else None)


class FakeGateway:
    """Answers what it was told, in order; the last answer stays. Exceptions are raised."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.answering = threading.Event()
        """Clear it, and whoever asks waits until it is set."""
        self.answering.set()
        self._answers: deque[BankAnswer | Exception] = deque([BankAnswer(movements=())])

    @classmethod
    def put_into(cls, app: Flask, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
        gateway = cls()
        real: BankConnection = app.extensions["bank"]
        fake = replace(real, gateway=gateway)
        monkeypatch.setitem(app.extensions, "bank", fake)
        return gateway

    def will_answer(self, *answers: BankAnswer | Exception) -> None:
        """What it says from now on."""
        self._answers = deque(answers)

    def requirements(self, bank: BankType, payer_bank: str | None = None) -> Requirements:
        return Requirements(reference_digits=(9, 9))

    def subject(self, claim: Claim) -> str:
        return claim.own_key or claim.reference

    def ask(self, claim: Claim, *, calls: CallLog, seconds: float, attempts: int) -> BankAnswer:
        record = CallRecord(operation="transaction", request={"reference": claim.reference})
        with calls.call(record):
            self.claims.append(claim)
            self.answering.wait(30)
            told = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
            if isinstance(told, Exception):
                raise told
            record.outcome = Outcome.FOUND if told.movements else Outcome.NOT_FOUND
            return told
