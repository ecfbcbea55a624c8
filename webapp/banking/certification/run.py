"""Asks the bank about every case, keeps the evidence, and judges the answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from webapp.banking.certification.cases import Case, Expected
from webapp.banking.gateway import (
    BankAnswer,
    BankError,
    BankGateway,
    CallLog,
    CallNotAllowed,
    CallRecord,
    Claim,
    Movement,
    MovementState,
    Outcome,
)
from webapp.kernel import clock

OPERATIONS = {"token": "certification_token"}
"""Under which name a call of a certification stands in `bank_calls`; everything else is `certification`."""
SHORTEST_WAIT = 1.0
"""Seconds; the database's clock, by which the limit counts, is not ours."""
BOLIVARES = frozenset({"VES", "VED", "BS", "BSS", "BS.S"})


class Verdict(StrEnum):
    """How a case ended."""

    PASS = "pass"  # noqa: S105
    FALL_SHORT = "fall_short"
    """The bank answered something else than the case says."""
    ERROR = "error"
    """The bank said nothing about the case."""


@dataclass(frozen=True)
class Exchange:
    """One call: what was asked and answered, secrets struck out."""

    operation: str
    at: datetime
    record: CallRecord


@dataclass(frozen=True)
class CaseResult:
    """One case with its verdict and everything that went over the line for it."""

    case: Case
    verdict: Verdict
    reason: str
    shown: str
    """What the bank answered, in one line."""
    seconds: float
    exchanges: Sequence[Exchange]


@dataclass
class CollectedCalls:
    """A log of one case's calls that keeps the evidence where all evidence is, and hands it to the report."""

    kept: CallLog
    exchanges: list[Exchange] = field(default_factory=list)

    @contextmanager
    def call(self, record: CallRecord) -> Iterator[CallRecord]:
        """Reserve and keep one call. Raises CallNotAllowed."""
        operation = record.operation
        record.operation = OPERATIONS.get(operation, "certification")
        with self.kept.call(record):
            self.exchanges.append(Exchange(operation, clock.now(), record))
            yield record


def run(
    cases: Sequence[Case],
    *,
    gateway: BankGateway,
    log_of: Callable[[Claim], CallLog],
    allowed_at: Callable[[Claim], datetime | None],
    seconds: float,
    told: Callable[[CaseResult], Any] = lambda _result: None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[CaseResult]:
    """Ask about every case in turn, one question each; `told` hears of each as it ends.

    `log_of` keeps the calls about a claim. `allowed_at` says from when on our own limit, which counts
    everybody's calls, lets it be asked about; until then this waits. `seconds` bounds one question.
    """
    results = []
    for case in cases:
        while (moment := allowed_at(case.claim)) is not None:
            sleep(max((moment - clock.now()).total_seconds(), SHORTEST_WAIT))
        calls = CollectedCalls(log_of(case.claim))
        begun = time.monotonic()
        verdict, reason, shown = _ask(case, gateway, calls, seconds)
        taken = time.monotonic() - begun
        results.append(CaseResult(case, verdict, reason, shown, taken, tuple(calls.exchanges)))
        told(results[-1])
    return results


def _ask(
    case: Case, gateway: BankGateway, calls: CollectedCalls, seconds: float
) -> tuple[Verdict, str, str]:
    try:
        answer = gateway.ask(case.claim, calls=calls, seconds=seconds, attempts=1)
    except CallNotAllowed:
        return Verdict.ERROR, "nuestro propio límite no permitió preguntar", "—"
    except BankError as error:
        word = _word(error)
        shown = f"{word.value} ({error.detail})"
        if word is case.expected:
            return Verdict.PASS, "", shown
        return Verdict.ERROR, f"se esperaba {case.expected.value}: {shown}", shown
    shown = describe(answer)
    reason = falls_short(case, answer)
    return (Verdict.FALL_SHORT if reason else Verdict.PASS), reason, shown


def _word(error: BankError) -> Expected:
    if error.outcome is Outcome.REFUSED:
        return Expected.REFUSED_US
    return Expected(error.outcome.value)


def describe(answer: BankAnswer) -> str:
    """What the bank shows, in one line."""
    if not answer.movements:
        return Expected.NOT_FOUND.value
    return "; ".join(
        f"{movement.state.value} «{movement.word}» {'CR' if movement.is_credit else 'DB'}"
        f" {movement.amount if movement.amount is not None else '—'} {movement.currency or ''}".strip()
        for movement in answer.movements
    )


def falls_short(case: Case, answer: BankAnswer) -> str:
    """Why the answer is not what the case says; empty where it is."""
    # Money that went out is not the payment that was asked about (DESIGN 4).
    credits_ = [movement for movement in answer.movements if movement.is_credit]
    if case.expected is Expected.NOT_FOUND:
        return "se esperaba not_found y el banco muestra dinero recibido" if credits_ else ""
    if not case.expected.is_shown:
        return f"se esperaba {case.expected.value} y el banco respondió {describe(answer)}"
    candidates = credits_
    if case.expected is not Expected.FOUND:
        state = MovementState(case.expected.value)
        candidates = [movement for movement in answer.movements if movement.state is state]
    if not candidates:
        return f"se esperaba {case.expected.value} y el banco respondió {describe(answer)}"
    if not any(_fits(case, movement) for movement in candidates):
        wanted = f"{case.amount if case.amount is not None else ''} {case.currency or ''}".strip()
        return f"se esperaba {wanted} y el banco muestra {describe(answer)}"
    return ""


def _fits(case: Case, movement: Movement) -> bool:
    amount_fits = case.amount is None or movement.amount == case.amount
    return amount_fits and (
        case.currency is None or _currency(movement.currency) == _currency(case.currency)
    )


def _currency(word: str | None) -> str:
    bare = (word or "VES").strip().strip(".").upper()
    return "VES" if bare in BOLIVARES else bare
