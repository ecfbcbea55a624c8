"""No input makes two payments share a movement of the bank, in whatever spelling and order they come."""

from __future__ import annotations

import itertools
import uuid
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import payments
from tests.support.people import Cast
from tests.support.properties import calmly
from tests.support.threads import together
from webapp.banking.gateway import BankAnswer, Movement, MovementState
from webapp.transactions import bank_answers
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction

Fact = tuple[str, Decimal, date]
"""One movement as the bank has it: the whole reference, the amount, the day."""
DAYS = (date(2026, 11, 23), date(2026, 11, 24))
AMOUNTS = (Decimal("124.00"), Decimal("125.00"))

real = st.tuples(
    st.sampled_from(["000456124124", "000999124124", "000456777777"]),
    st.sampled_from(AMOUNTS),
    st.sampled_from(DAYS),
)
spellings = st.sampled_from(["whole", "stripped", "tail"])
shown = st.lists(st.tuples(real, spellings), min_size=1, max_size=3)
asked = st.lists(shown, min_size=2, max_size=5)


def spelled(whole: str, spelling: str) -> str:
    return {"whole": whole, "stripped": whole.lstrip("0"), "tail": whole[-6:]}[spelling]


def movement(fact: Fact, spelling: str) -> Movement:
    reference, amount, day = spelled(fact[0], spelling), fact[1], fact[2]
    return Movement(
        identity=f"banesco:{reference.lstrip('0')}:{day}:{amount}",
        state=MovementState.SETTLED,
        word="CR",
        reference=reference,
        reference_may_be_cut=True,
        amount=amount,
        day=day,
    )


def test_payments_never_outnumber_the_movements_that_pay_them(app: Flask, cast: Cast):
    examples = itertools.count(1)

    @settings(calmly, max_examples=40)
    @given(asked)
    def whatever_is_shown(rounds):
        # Movements of another example are other movements: their amounts differ.
        step = Decimal(1000 * next(examples))
        facts: set[Fact] = set()
        verified = 0
        for rows in rounds:
            seen = [((whole, amount + step, day), how) for (whole, amount, day), how in rows]
            facts |= {fact for fact, _ in seen}
            (whole, amount, _day), _how = seen[0]
            payment = payments.logged(
                cast.cashier, reference=f"{uuid.uuid4().int % 10**8:08d}{whole}", amount=amount
            )
            verified += answered(payment, seen).status is Status.COMPLETED
        assert verified <= len(facts)

    whatever_is_shown()


def answered(payment: Transaction, seen: list[tuple[Fact, str]]) -> Transaction:
    """Show a payment these movements in these spellings, and return it."""
    return bank_answers.record_answer(
        row_id=payment.id,
        version=1,
        answer=BankAnswer(movements=tuple(movement(fact, how) for fact, how in seen)),
        give_up_after=timedelta(hours=72),
    )


def test_of_eight_payments_shown_one_movement_in_two_spellings_at_once_one_is_verified(
    app: Flask, cast: Cast
):
    fact = ("000456124124", Decimal("124.00"), DAYS[1])
    waiting = [
        payments.logged(cast.cashier, reference=f"{number}000456124124", amount=fact[1])
        for number in range(8)
    ]
    work = [
        partial(answered, payment, [(fact, "tail" if number % 2 else "whole")])
        for number, payment in enumerate(waiting)
    ]
    statuses = sorted(result.status for result in together(app, work))
    assert statuses == [Status.COMPLETED] + [Status.TO_REVIEW] * 7
