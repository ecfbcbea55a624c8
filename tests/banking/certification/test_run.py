"""One question after the other: the clinic's own limit, and what the dialects' answers are worth."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.support.banesco import NotedCalls
from webapp.banking.certification.cases import Case, Expected
from webapp.banking.certification.run import CollectedCalls, Verdict, run
from webapp.banking.gateway import (
    BankAnswer,
    BankType,
    CallLog,
    CallRecord,
    Claim,
    Movement,
    MovementState,
    Requirements,
)

CREDIT = Movement(identity="1", state=MovementState.SETTLED, word="CR", currency="BS ")
DEBIT = Movement(identity="2", state=MovementState.SETTLED, word="DB", is_credit=False)


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Bank:
    """Gives one answer, after so many calls."""

    answer: BankAnswer = field(default_factory=lambda: BankAnswer(movements=()))
    calls_each: int = 1

    def requirements(self, bank: BankType, payer_bank: str | None = None) -> Requirements:
        return Requirements(reference_digits=(1, 20))

    def ask(self, claim: Claim, *, calls: CallLog, seconds: float, attempts: int) -> BankAnswer:
        for _ in range(self.calls_each):
            with calls.call(CallRecord(operation="transaction", request={})):
                pass
        return self.answer


def case(reference: str = "100000123", expected: Expected = Expected.NOT_FOUND) -> Case:
    return Case("A", "", Claim(reference=reference, bank=BankType.BANESCO), expected)


def test_a_third_question_about_one_reference_waits_until_the_limit_allows_it():
    clock, kept = Clock(), NotedCalls()
    calls = CollectedCalls(kept, limit=2, timer=lambda: clock.now)
    same = [case()] * 5
    results = run(
        [*same, case("200000123")], gateway=Bank(), calls=calls, seconds=5, sleep=clock.sleep
    )
    assert {result.verdict for result in results} == {Verdict.PASS}
    assert clock.slept == [0, 0, 62, 0, 62, 0]
    assert [record.operation for record in kept.records] == ["certification"] * 6


def test_more_calls_for_one_case_than_the_limit_are_not_made():
    clock, kept = Clock(), NotedCalls()
    calls = CollectedCalls(kept, limit=2, timer=lambda: clock.now)
    (result,) = run([case()], gateway=Bank(calls_each=3), calls=calls, seconds=5, sleep=clock.sleep)
    assert result.verdict is Verdict.ERROR and "límite" in result.reason
    assert len(kept.records) == len(result.exchanges) == 2


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
    bank = Bank(BankAnswer(movements=movements))
    calls = CollectedCalls(NotedCalls(), limit=2)
    (result,) = run([case(expected=expected)], gateway=bank, calls=calls, seconds=5)
    assert result.verdict is verdict


@pytest.mark.parametrize(("word", "fits"), [("VES", True), ("Bs.", True), ("USD", False)])
def test_the_banks_spellings_of_bolivares_are_one_currency(word, fits):
    wanted = Case("A", "", case().claim, Expected.FOUND, currency=word)
    calls = CollectedCalls(NotedCalls(), limit=2)
    (result,) = run([wanted], gateway=Bank(BankAnswer(movements=(CREDIT,))), calls=calls, seconds=5)
    assert (result.verdict is Verdict.PASS) is fits
