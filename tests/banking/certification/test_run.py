"""A certification run: it keeps the clinic's own limit, and judges the answers of both dialects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from tests.support.banesco import NotedCalls
from webapp.banking.certification.cases import Case, Expected
from webapp.banking.certification.run import CaseResult, Verdict, run
from webapp.banking.gateway import (
    BankAnswer,
    BankType,
    CallLog,
    CallNotAllowed,
    CallRecord,
    Claim,
    Movement,
    MovementState,
    Requirements,
)
from webapp.kernel import clock

CREDIT = Movement(identity="1", state=MovementState.SETTLED, word="CR", currency="BS ")
DEBIT = Movement(identity="2", state=MovementState.SETTLED, word="DB", is_credit=False)


@dataclass
class Limit:
    """A limit of two calls about one reference, which ends when the run sleeps."""

    kept: NotedCalls = field(default_factory=NotedCalls)
    slept: list[float] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    most: int = 2

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds))
        self.asked.clear()

    def allowed_at(self, claim: Claim) -> datetime | None:
        full = self.asked.count(claim.reference) >= self.most
        return clock.now() + timedelta(seconds=62) if full else None

    def log_of(self, claim: Claim) -> CallLog:
        return LimitedCalls(self, claim)


@dataclass
class LimitedCalls:
    """The log of the calls about one claim."""

    limit: Limit
    claim: Claim

    @contextmanager
    def call(self, record: CallRecord) -> Iterator[CallRecord]:
        allowed_at = self.limit.allowed_at(self.claim)
        if allowed_at is not None:
            raise CallNotAllowed(allowed_at)
        self.limit.asked.append(self.claim.reference)
        with self.limit.kept.call(record):
            yield record


@dataclass
class Bank:
    """Gives one answer, after so many calls."""

    answer: BankAnswer = field(default_factory=lambda: BankAnswer(movements=()))
    calls_each: int = 1

    def requirements(self, bank: BankType, payer_bank: str | None = None) -> Requirements:
        return Requirements(reference_digits=(1, 20))

    def subject(self, claim: Claim) -> str:
        return claim.reference

    def ask(self, claim: Claim, *, calls: CallLog, seconds: float, attempts: int) -> BankAnswer:
        for _ in range(self.calls_each):
            with calls.call(CallRecord(operation="transaction", request={})):
                pass
        return self.answer


def case(reference: str = "100000123", expected: Expected = Expected.NOT_FOUND) -> Case:
    return Case("A", "", Claim(reference=reference, bank=BankType.BANESCO), expected)


def judged(*cases: Case, bank: Bank | None = None, limit: Limit | None = None) -> list[CaseResult]:
    limit = limit or Limit()
    return run(
        cases,
        gateway=bank or Bank(),
        call_log_for=limit.log_of,
        allowed_at=limit.allowed_at,
        seconds=5,
        sleep=limit.sleep,
    )


def test_a_third_question_about_one_reference_waits_until_the_limit_allows_it():
    limit = Limit()
    results = judged(*[case()] * 5, case("200000123"), limit=limit)
    assert {result.verdict for result in results} == {Verdict.PASS}
    assert limit.slept == [62, 62]
    assert [record.operation for record in limit.kept.records] == ["certification"] * 6


def test_what_others_asked_about_counts_and_is_waited_for():
    limit = Limit(asked=["100000123"] * 2)
    (result,) = judged(case(), limit=limit)
    assert result.verdict is Verdict.PASS and limit.slept == [62]


def test_more_calls_for_one_case_than_the_limit_are_not_made():
    limit = Limit()
    (result,) = judged(case(), bank=Bank(calls_each=3), limit=limit)
    assert result.verdict is Verdict.ERROR and "límite" in result.reason
    assert len(limit.kept.records) == len(result.exchanges) == 2


@pytest.mark.parametrize(
    ("movements", "expected", "verdict"),
    [
        ((CREDIT,), Expected.FOUND, Verdict.PASS),
        ((DEBIT, CREDIT), Expected.FOUND, Verdict.PASS),
        ((DEBIT,), Expected.FOUND, Verdict.FALL_SHORT),
        ((DEBIT,), Expected.NOT_FOUND, Verdict.PASS),
        ((DEBIT, CREDIT), Expected.NOT_FOUND, Verdict.FALL_SHORT),
    ],
)
def test_only_money_received_is_found(movements, expected, verdict):
    (result,) = judged(case(expected=expected), bank=Bank(BankAnswer(movements=movements)))
    assert result.verdict is verdict


@pytest.mark.parametrize(("word", "fits"), [("VES", True), ("Bs.", True), ("USD", False)])
def test_the_banks_spellings_of_bolivares_are_one_currency(word, fits):
    wanted = Case("A", "", case().claim, Expected.FOUND, currency=word)
    (result,) = judged(wanted, bank=Bank(BankAnswer(movements=(CREDIT,))))
    assert (result.verdict is Verdict.PASS) is fits
