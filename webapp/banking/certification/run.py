"""A certification run: the bank is asked about every case, the evidence kept, the answers judged."""

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
"""How a run's calls are called in `bank_calls`; those not listed are `certification`."""
SHORTEST_WAIT = 1.0
"""Seconds to wait at least: the limit counts by the database's clock, which may differ from ours."""
BOLIVARES = frozenset({"VES", "VED", "BS", "BSS", "BS.S"})


class Verdict(StrEnum):
    """How a case ended."""

    PASS = "pass"  # noqa: S105
    FALL_SHORT = "fall_short"
    """The bank's answer is not the expected one."""
    ERROR = "error"
    """The bank said nothing about the case."""


@dataclass(frozen=True)
class Exchange:
    """One call: what was sent and received, secrets struck out."""

    operation: str
    at: datetime
    record: CallRecord


@dataclass(frozen=True)
class CaseResult:
    """One case, its verdict, and every call that was made for it."""

    case: Case
    verdict: Verdict
    reason: str
    shown: str
    """What the bank answered, in one line."""
    seconds: float
    exchanges: Sequence[Exchange]


@dataclass
class CollectedCalls:
    """A log of one case's calls: it writes them where all evidence is, and collects them for the report."""

    log: CallLog
    exchanges: list[Exchange] = field(default_factory=list)

    @contextmanager
    def call(self, record: CallRecord) -> Iterator[CallRecord]:
        """Reserve and keep one call. Raises CallNotAllowed."""
        operation = record.operation
        record.operation = OPERATIONS.get(operation, "certification")
        with self.log.call(record):
            self.exchanges.append(Exchange(operation, clock.now(), record))
            yield record


def run(
    cases: Sequence[Case],
    *,
    gateway: BankGateway,
    call_log_for: Callable[[Claim], CallLog],
    allowed_at: Callable[[Claim], datetime | None],
    seconds: float,
    on_result: Callable[[CaseResult], Any] = lambda _result: None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[CaseResult]:
    """Ask about every case in turn, one question each; `on_result` is called as each ends.

    `call_log_for` returns the log for the calls about a claim. `allowed_at` returns from when on our own
    limit lets the bank be asked about it (None: now); the run waits until then. `seconds` bounds one question.
    """
    results = []
    for case in cases:
        while (moment := allowed_at(case.claim)) is not None:
            sleep(max((moment - clock.now()).total_seconds(), SHORTEST_WAIT))
        calls = CollectedCalls(call_log_for(case.claim))
        begun = time.monotonic()
        verdict, reason, shown = _ask(case, gateway, calls, seconds)
        taken = time.monotonic() - begun
        results.append(CaseResult(case, verdict, reason, shown, taken, tuple(calls.exchanges)))
        on_result(results[-1])
    return results


def _ask(
    case: Case, gateway: BankGateway, calls: CollectedCalls, seconds: float
) -> tuple[Verdict, str, str]:
    try:
        answer = gateway.ask(case.claim, calls=calls, seconds=seconds, attempts=1)
    except CallNotAllowed:
        return Verdict.ERROR, "nuestro propio límite no permitió preguntar", "—"
    except BankError as error:
        word = _as_expected(error)
        shown = f"{word.value} ({error.detail})"
        if word is case.expected:
            return Verdict.PASS, "", shown
        return Verdict.ERROR, f"se esperaba {case.expected.value}: {shown}", shown
    shown = describe(answer)
    reason = why_it_falls_short(case, answer)
    return (Verdict.FALL_SHORT if reason else Verdict.PASS), reason, shown


def _as_expected(error: BankError) -> Expected:
    if error.outcome is Outcome.REFUSED:
        return Expected.REFUSED_US
    return Expected(error.outcome.value)


def describe(answer: BankAnswer) -> str:
    """Return what the bank shows, in one line."""
    if not answer.movements:
        return Expected.NOT_FOUND.value
    return "; ".join(
        f"{movement.state.value} «{movement.word}» {'CR' if movement.is_credit else 'DB'}"
        f" {movement.amount if movement.amount is not None else '—'} {movement.currency or ''}".strip()
        for movement in answer.movements
    )


def why_it_falls_short(case: Case, answer: BankAnswer) -> str:
    """Return why the answer is not the expected one; empty where it is."""
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
