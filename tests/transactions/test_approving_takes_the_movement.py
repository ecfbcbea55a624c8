"""A payment that a person approves takes its movement too: in whatever spelling, that verifies no other payment alone."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support import payments
from tests.support.people import Cast
from tests.support.threads import together
from webapp.banking.gateway import BankAnswer, Movement, MovementState
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict
from webapp.transactions import bank_answers, queries, service
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.transactions.service import Verdict
from webapp.transactions.settlement import MovementNotShown
from webapp.transactions.versions import StaleVersion

pytestmark = pytest.mark.usefixtures("app")

DAY = date(2026, 11, 23)


def credit(reference: str, amount: str = "124.00") -> Movement:
    """Return a credit as the dialect `confirmation` reads it."""
    return Movement(
        identity=f"banesco:{reference.lstrip('0')}:{DAY}:{amount}",
        state=MovementState.SETTLED,
        word="CR",
        reference=reference,
        reference_may_be_cut=True,
        amount=Decimal(amount),
        day=DAY,
    )


def declared(cast: Cast, reference: str, amount: str = "124.00") -> Transaction:
    return payments.logged(cast.cashier, reference=reference, amount=Decimal(amount))


def bank_says(payment: Transaction, *movements: Movement) -> Transaction:
    return bank_answers.record_answer(
        row_id=payment.id,
        version=queries.by_id(payment.id).version,
        answer=BankAnswer(movements),
        give_up_after=timedelta(hours=72),
    )


def approve(cast: Cast, payment: Transaction, movement: str | None = None) -> Transaction:
    return service.decide(
        actor=cast.supervisor.actor,
        row_id=payment.id,
        verdict=Verdict.APPROVE,
        reason="Lo muestra el estado de cuenta",
        movement=movement,
    )


def codes(payment: Transaction) -> list[str]:
    return [reason["code"] for reason in payment.reasons]


def never_appeared(cast: Cast, reference: str) -> Transaction:
    """Return a payment that the bank never showed and that waited too long."""
    payment = declared(cast, reference)
    db.session.execute(
        text("UPDATE transactions SET waiting_since = :then WHERE id = :id"),
        {"then": clock.now() - timedelta(days=5), "id": payment.id},
    )
    db.session.commit()
    return bank_says(payment)


def test_a_movement_that_pays_another_meanwhile_in_another_spelling_is_not_taken(cast: Cast):
    doubtful = bank_says(declared(cast, "456124124", "125.00"), credit("000456124124"))
    assert codes(doubtful) == ["AMOUNT_DIFFERS"]
    other = bank_says(declared(cast, "124124"), credit("124124"))
    assert other.status is Status.COMPLETED
    with pytest.raises(Conflict) as refused:
        approve(cast, doubtful)
    assert refused.value.code == "movement_used"
    assert other.transaction_id in str(refused.value.sentence)
    assert payments.reread(doubtful).status is Status.TO_REVIEW


def test_of_a_decision_and_an_answer_at_once_one_gets_the_movement(app: Flask, cast: Cast):
    for number in range(6):
        tail = f"{700_000 + number}"
        doubtful = bank_says(declared(cast, f"456{tail}", "125.00"), credit(f"000456{tail}"))
        waiting = declared(cast, tail)
        together(
            app,
            [partial(approve, cast, doubtful), partial(bank_says, waiting, credit(tail))],
        )
        statuses = [payments.reread(one).status for one in (doubtful, waiting)]
        assert sorted(statuses) == [Status.COMPLETED, Status.TO_REVIEW]


def test_a_movement_that_differs_and_is_used_names_its_holder_too(cast: Cast):
    holder = bank_says(declared(cast, "124124"), credit("124124"))
    doubtful = bank_says(declared(cast, "456124124", "125.00"), credit("000456124124"))
    assert codes(doubtful) == ["AMOUNT_DIFFERS", "MOVEMENT_ALREADY_USED"]
    assert doubtful.reasons[1]["transaction_id"] == holder.transaction_id


def test_of_several_movements_the_person_says_which_and_the_others_stay_free(cast: Cast):
    one, two = credit("000111124124"), credit("000222124124")
    several = bank_says(declared(cast, "124124"), one, two)
    approved = approve(cast, several, two.identity)
    assert approved.matched_movement == two.identity
    assert (approved.bank_reference, approved.bank_amount) == (two.reference, two.amount)
    (*_, decision) = queries.events_of(several.id)
    assert decision.metadata_["movement"] == two.identity
    assert bank_says(declared(cast, "111124124"), one).status is Status.COMPLETED
    again = bank_says(declared(cast, "222124124"), two)
    assert (again.status, codes(again)) == (Status.TO_REVIEW, ["MOVEMENT_ALREADY_USED"])


def test_where_nobody_says_which_of_several_movements_paid_none_verifies_another_payment_alone(
    cast: Cast,
):
    one, two = credit("000111124124"), credit("000222124124")
    several = approve(cast, bank_says(declared(cast, "124124"), one, two))
    assert several.status is Status.COMPLETED
    others = [
        bank_says(declared(cast, "111124124"), one),
        bank_says(declared(cast, "222124124"), two),
    ]
    for other in others:
        assert (other.status, codes(other)) == (Status.TO_REVIEW, ["MOVEMENT_ALREADY_USED"])
        assert other.reasons[0]["transaction_id"] == several.transaction_id
    # One of them is another's for certain, and a person may say so.
    assert approve(cast, others[0]).matched_movement == one.identity


def test_what_was_approved_before_it_appeared_is_not_paid_again_when_it_does(cast: Cast):
    approved = approve(cast, never_appeared(cast, "124124"))
    later = bank_says(declared(cast, "456124124"), credit("000456124124"))
    assert (later.status, codes(later)) == (Status.TO_REVIEW, ["MOVEMENT_ALREADY_USED"])
    assert later.reasons[0]["transaction_id"] == approved.transaction_id
    other_money = bank_says(declared(cast, "789124124", "99.00"), credit("789124124", "99.00"))
    assert other_money.status is Status.COMPLETED


def test_a_movement_that_the_bank_does_not_show_cannot_be_chosen(cast: Cast):
    doubtful = bank_says(declared(cast, "456124124", "125.00"), credit("000456124124"))
    with pytest.raises(MovementNotShown) as refused:
        approve(cast, doubtful, credit("999999").identity)
    assert "ya no muestra ese movimiento" in str(refused.value.sentence)
    assert payments.reread(doubtful).status is Status.TO_REVIEW


def test_what_a_person_is_to_decide_about_stays_and_a_reason_says_that_it_is_no_longer_shown(
    cast: Cast,
):
    doubtful = bank_says(declared(cast, "456124124", "125.00"), credit("000456124124"))
    for _ in range(2):
        asked_again = bank_says(doubtful)
        assert codes(asked_again) == ["AMOUNT_DIFFERS", "NO_LONGER_SHOWN"]
    assert asked_again.bank_amount == Decimal("124.00")
    assert approve(cast, doubtful).matched_movement == credit("000456124124").identity


def test_the_person_who_decides_must_have_seen_what_the_bank_shows_now(cast: Cast):
    doubtful = bank_says(declared(cast, "456124124", "125.00"), credit("000456124124"))
    seen = doubtful.version
    assert bank_says(doubtful, credit("000456124124")).version == seen
    assert bank_says(doubtful, credit("000456124124", "1.00")).version > seen
    with pytest.raises(StaleVersion) as refused:
        service.decide(
            actor=cast.supervisor.actor,
            row_id=doubtful.id,
            verdict=Verdict.APPROVE,
            reason="Falta Bs. 1, de acuerdo",
            version=seen,
        )
    assert "cambió mientras usted lo revisaba" in str(refused.value.sentence)


def test_a_payment_that_never_appeared_stays_before_the_supervisors(cast: Cast):
    payment = never_appeared(cast, "124124")
    events, version = len(queries.events_of(payment.id)), payment.version
    for _ in range(3):
        asked_again = bank_says(payment)
        assert (asked_again.status, asked_again.version) == (Status.UNKNOWN, version)
    assert len(queries.events_of(payment.id)) == events
    assert bank_says(payment, credit("124124")).status is Status.COMPLETED
