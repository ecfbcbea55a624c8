"""A movement that paid stays with its payment: freeing it takes a second person and leaves events on both."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import payments
from tests.support.bank import FakeGateway, answer
from tests.support.pages import Browser
from tests.support.people import Cast, Person
from tests.support.programs import Program
from tests.support.properties import calmly
from tests.support.threads import together
from webapp.accounts.api_keys import issue
from webapp.banking.gateway import BankAnswer, Movement, MovementState, TransactionType
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, DomainError, Forbidden
from webapp.transactions import bank_answers, checking, queries, service
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.transactions.service import Verdict

pytestmark = pytest.mark.usefixtures("app")

DAY = date(2026, 11, 23)
WHOLE = "000456124124"
SPELLINGS = (WHOLE, WHOLE.lstrip("0"), WHOLE[-6:])


def confirmed(reference: str, amount: str = "124.00") -> Movement:
    """Return a movement as the dialect `confirmation` reads it."""
    return Movement(
        identity=f"banesco:{reference.lstrip('0')}:{DAY}:{amount}",
        state=MovementState.SETTLED,
        word="CR",
        reference=reference,
        reference_may_be_cut=True,
        amount=Decimal(amount),
        day=DAY,
    )


def stated(reference: str, amount: str = "124.00") -> Movement:
    """Return a movement as the dialect `status` reads it."""
    return Movement(
        identity=f"banesco:{reference.lstrip('0')}:TRANSACTION",
        state=MovementState.SETTLED,
        word="approved",
        reference=reference,
        amount=Decimal(amount),
        transaction_type=TransactionType.TRANSACTION,
    )


def declared(person: Person, reference: str = WHOLE, amount: str = "124.00") -> Transaction:
    return payments.logged(person, reference=reference, amount=Decimal(amount))


def bank_says(payment: Transaction, *shown: Movement) -> Transaction:
    return bank_answers.record_answer(
        row_id=payment.id,
        version=queries.by_id(payment.id).version,
        answer=BankAnswer(shown),
        give_up_after=timedelta(hours=72),
    )


def decide(
    person: Person, payment: Transaction, verdict: Verdict = Verdict.APPROVE, **more: Any
) -> Transaction:
    return service.decide(
        actor=person.actor, row_id=payment.id, verdict=verdict, reason="Lo vi en el banco", **more
    )


def delete(person: Person, payment: Transaction) -> Transaction:
    return service.delete(actor=person.actor, row_id=payment.id, reason="Mal cargado")


def reopen(person: Person, payment: Transaction) -> Transaction:
    return service.reopen(actor=person.actor, row_id=payment.id, reason="Hubo un reclamo")


def row(payment: Transaction) -> Transaction:
    """Return the row as it stands now, deleted or not."""
    db.session.rollback()
    (found,) = queries.named([payment.transaction_id])
    db.session.refresh(found)
    return found


def releases(payment: Transaction) -> list[dict[str, Any]]:
    events = queries.events_of(payment.id)
    return [event.metadata_["released"] for event in events if "released" in event.metadata_]


def codes(payment: Transaction) -> list[str]:
    return [reason["code"] for reason in payment.reasons]


def paid(cast: Cast, shown: Movement, **changes: Any) -> Transaction:
    """Return a payment of the cashier that the bank verified."""
    payment = bank_says(declared(cast.cashier, **changes), shown)
    assert payment.status is Status.COMPLETED
    return payment


def refusal(person: Person, payment: Transaction, **more: Any) -> DomainError:
    with pytest.raises((Forbidden, Conflict)) as refused:
        decide(person, payment, **more)
    db.session.rollback()
    assert queries.by_id(payment.id).status is not Status.COMPLETED
    return refused.value


@pytest.mark.parametrize("dialect", [confirmed, stated])
def test_who_deleted_a_paid_payment_does_not_approve_its_heir(cast: Cast, dialect):
    first = paid(cast, dialect(WHOLE))
    delete(cast.supervisor, first)
    heir = bank_says(declared(cast.cashier), dialect(WHOLE))
    assert (heir.status, codes(heir)) == (Status.TO_REVIEW, ["MOVEMENT_ALREADY_USED"])
    assert heir.reasons[0]["transaction_id"] == first.transaction_id
    refused = refusal(cast.supervisor, heir)
    assert (refused.status, refused.code) == (403, "release_needs_another")
    assert first.transaction_id in str(refused.sentence)
    assert row(first).matched_movement == dialect(WHOLE).identity
    assert releases(first) == []


@pytest.mark.parametrize("dialect", [confirmed, stated])
def test_a_second_person_frees_the_movement_and_both_payments_tell_it(cast: Cast, dialect):
    first = paid(cast, dialect(WHOLE))
    delete(cast.supervisor, first)
    heir = decide(cast.other_supervisor, bank_says(declared(cast.other_cashier), dialect(WHOLE)))
    assert (heir.status, heir.matched_movement) == (Status.COMPLETED, dialect(WHOLE).identity)
    assert row(first).matched_movement is None and not row(first).holds_movement
    assert releases(first) == [{"movement": dialect(WHOLE).identity, "to": heir.transaction_id}]
    freed, decided = queries.events_of(first.id)[-1], queries.events_of(heir.id)[-1]
    assert freed.actor_id == decided.actor_id == cast.other_supervisor.id
    assert decided.metadata_["released_from"] == [first.transaction_id]
    assert codes(heir) == []  # it is no longer true that the movement pays another payment


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("earlier", SPELLINGS)
def test_another_spelling_of_the_movement_changes_nothing(cast: Cast, earlier: str, spelling: str):
    first = paid(cast, confirmed(earlier), reference=earlier)
    delete(cast.supervisor, first)
    heir = bank_says(declared(cast.cashier, spelling), confirmed(spelling))
    assert codes(heir) == ["MOVEMENT_ALREADY_USED"]
    assert refusal(cast.supervisor, heir).code == "release_needs_another"
    assert decide(cast.other_supervisor, heir).matched_movement == confirmed(spelling).identity
    assert row(first).matched_movement is None


def test_who_logged_or_corrected_the_deleted_payment_does_not_approve_its_heir(cast: Cast):
    first = declared(cast.supervisor)
    correction = payments.details(reference=WHOLE, amount=Decimal("124.00"), concept="Rayos X")
    service.correct(actor=cast.admin.actor, row_id=first.id, version=None, details=correction)
    bank_says(first, confirmed(WHOLE))
    delete(cast.other_supervisor, first)
    heir = bank_says(declared(cast.cashier), confirmed(WHOLE))
    for person in (cast.supervisor, cast.admin, cast.other_supervisor):
        assert refusal(person, heir).code == "release_needs_another"
    assert releases(first) == []


def test_approving_without_naming_a_movement_is_no_way_around(cast: Cast):
    first = paid(cast, confirmed(WHOLE))
    delete(cast.supervisor, first)
    several = bank_says(
        declared(cast.cashier, WHOLE[-6:]), confirmed(WHOLE), confirmed(f"999{WHOLE[-6:]}")
    )
    assert refusal(cast.supervisor, several).code == "release_needs_another"
    approved = decide(cast.other_supervisor, several)
    assert approved.matched_movement is None
    assert row(first).matched_movement == confirmed(WHOLE).identity


def test_who_deleted_a_payment_approved_without_a_movement_does_not_approve_its_heir(cast: Cast):
    first = bank_says(
        declared(cast.cashier, amount="125.00"), confirmed(WHOLE), confirmed("1" + WHOLE)
    )
    assert decide(cast.supervisor, first).matched_movement is None
    delete(cast.supervisor, first)
    heir = bank_says(declared(cast.cashier), confirmed(WHOLE))
    assert codes(heir) == ["MOVEMENT_ALREADY_USED"]
    assert refusal(cast.supervisor, heir).code == "release_needs_another"
    assert decide(cast.other_supervisor, heir).status is Status.COMPLETED


def test_who_made_the_key_that_deleted_the_payment_does_not_approve_its_heir_either(cast: Cast):
    key = issue(actor=cast.admin.actor, user_id=cast.supervisor.id, name="cierre").key
    with_key = replace(cast.supervisor.actor, key_id=key.id, key_makers=frozenset({cast.admin.id}))
    first = paid(cast, confirmed(WHOLE))
    service.delete(actor=with_key, row_id=first.id, reason="Mal cargado")
    heir = bank_says(declared(cast.cashier), confirmed(WHOLE))
    for person in (cast.supervisor, cast.admin):
        assert refusal(person, heir).code == "release_needs_another"
    assert decide(cast.other_supervisor, heir).status is Status.COMPLETED


def test_a_key_does_not_approve_the_heir_of_what_its_maker_deleted(cast: Cast):
    first = paid(cast, confirmed(WHOLE))
    delete(cast.admin, first)
    heir = bank_says(declared(cast.cashier), confirmed(WHOLE))
    key = issue(actor=cast.admin.actor, user_id=cast.supervisor.id, name="cierre").key
    with_key = replace(cast.supervisor.actor, key_id=key.id, key_makers=frozenset({cast.admin.id}))
    assert refusal(replace(cast.supervisor, actor=with_key), heir).code == "release_needs_another"


def test_who_deleted_the_payment_does_not_reject_its_heir_either(cast: Cast):
    delete(cast.supervisor, paid(cast, confirmed(WHOLE)))
    heir = bank_says(declared(cast.cashier), confirmed(WHOLE))
    assert refusal(cast.supervisor, heir, verdict=Verdict.REJECT).code == "release_needs_another"
    assert decide(cast.other_supervisor, heir, Verdict.REJECT).status is Status.CANCELED


class TestReopened:
    """A payment that was reopened keeps its movement until a second person decides."""

    def test_the_movement_pays_no_other_meanwhile(self, cast: Cast):
        first = paid(cast, confirmed(WHOLE))
        assert reopen(cast.admin, first).matched_movement == confirmed(WHOLE).identity
        other = bank_says(declared(cast.cashier, WHOLE[-6:]), confirmed(WHOLE[-6:]))
        assert codes(other) == ["MOVEMENT_ALREADY_USED"]
        assert refusal(cast.supervisor, other).code == "movement_used"

    def test_who_reopened_it_does_not_decide_it(self, cast: Cast):
        first = paid(cast, confirmed(WHOLE))
        reopen(cast.admin, first)
        for verdict in Verdict:
            refused = refusal(cast.admin, first, verdict=verdict)
            assert refused.code == "own_transaction"
            assert "Usted reabrió este pago" in str(refused.sentence)
        assert decide(cast.supervisor, first).status is Status.COMPLETED

    def test_a_rejected_one_keeps_the_movement_until_a_second_person_approves_another(
        self, cast: Cast
    ):
        first = paid(cast, confirmed(WHOLE))
        reopen(cast.admin, first)
        rejected = decide(cast.supervisor, first, Verdict.REJECT)
        assert rejected.matched_movement == confirmed(WHOLE).identity
        heir = bank_says(declared(cast.cashier, WHOLE[-6:]), confirmed(WHOLE[-6:]))
        assert codes(heir) == ["MOVEMENT_ALREADY_USED"]
        assert refusal(cast.supervisor, heir).code == "release_needs_another"
        decide(cast.other_supervisor, heir)
        assert row(first).matched_movement is None
        assert [one["to"] for one in releases(first)] == [heir.transaction_id]

    def test_an_answer_of_the_bank_alone_does_not_decide_it_again(self, cast: Cast):
        first = paid(cast, confirmed(WHOLE))
        reopen(cast.admin, first)
        correction = payments.details(reference="999888777", amount=Decimal("50.00"))
        service.correct(actor=cast.cashier.actor, row_id=first.id, version=None, details=correction)
        asked_again = bank_says(first, confirmed("999888777", "50.00"))
        assert (asked_again.status, codes(asked_again)) == (Status.TO_REVIEW, ["MATCHED"])
        assert asked_again.matched_movement == confirmed(WHOLE).identity

    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_a_correction_does_not_hide_the_movement_that_paid_it(self, cast: Cast, spelling: str):
        first = paid(cast, confirmed(WHOLE))
        reopen(cast.admin, first)
        correction = payments.details(reference="999888777", amount=Decimal("50.00"))
        service.correct(actor=cast.cashier.actor, row_id=first.id, version=None, details=correction)
        bank_says(first, confirmed("999888777", "50.00"))
        other = bank_says(declared(cast.cashier, spelling), confirmed(spelling))
        assert codes(other) == ["MOVEMENT_ALREADY_USED"]

    def test_approving_it_by_another_movement_frees_the_first_and_says_so(self, cast: Cast):
        first = paid(cast, confirmed(WHOLE))
        reopen(cast.admin, first)
        correction = payments.details(reference="999888777", amount=Decimal("50.00"))
        service.correct(actor=cast.cashier.actor, row_id=first.id, version=None, details=correction)
        bank_says(first, confirmed("999888777", "50.00"))
        approved = decide(cast.supervisor, first)
        assert approved.matched_movement == confirmed("999888777", "50.00").identity
        assert releases(first) == [{"movement": confirmed(WHOLE).identity, "to": None}]
        assert bank_says(declared(cast.cashier), confirmed(WHOLE)).status is Status.COMPLETED

    def test_another_spelling_of_the_same_movement_frees_nothing(self, cast: Cast):
        first = paid(cast, confirmed(WHOLE[-6:]), reference=WHOLE[-6:])
        reopen(cast.admin, first)
        bank_says(first, confirmed(WHOLE))
        assert decide(cast.supervisor, first).matched_movement == confirmed(WHOLE).identity
        assert releases(first) == []


class TestAtOnce:
    def test_of_two_heirs_that_are_approved_at_once_one_gets_the_movement(
        self, app: Flask, cast: Cast
    ):
        for number in range(4):
            whole = f"000456{800_000 + number}"
            first = paid(cast, confirmed(whole), reference=whole)
            delete(cast.supervisor, first)
            heirs = [
                bank_says(declared(cast.cashier, reference), confirmed(reference))
                for reference in (whole, whole[-6:])
            ]
            results = together(
                app,
                [
                    partial(decide, cast.other_supervisor, heirs[0]),
                    partial(decide, cast.admin, heirs[1]),
                ],
            )
            (refused,) = [result for result in results if isinstance(result, Conflict)]
            assert refused.code == "movement_used"
            assert sorted(row(heir).status for heir in heirs) == [
                Status.COMPLETED,
                Status.TO_REVIEW,
            ]
            assert len(releases(first)) == 1

    def test_a_holder_that_is_reopened_at_the_same_moment_keeps_its_movement_or_frees_it_but_not_both(
        self, app: Flask, cast: Cast
    ):
        for number in range(4):
            whole = f"000456{810_000 + number}"
            first = paid(cast, confirmed(whole), reference=whole)
            reopen(cast.admin, first)
            decide(cast.supervisor, first, Verdict.REJECT)
            heir = bank_says(declared(cast.cashier, whole[-6:]), confirmed(whole[-6:]))
            together(
                app,
                [
                    partial(reopen, cast.admin, first),
                    partial(decide, cast.other_supervisor, heir),
                ],
            )
            holders = [one for one in (row(first), row(heir)) if one.matched_movement]
            assert len(holders) == 1
            assert (row(heir).status is Status.COMPLETED) == (holders[0].id == heir.id)


def test_the_page_says_what_approving_frees_and_who_may_not(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser
):
    first = paid(cast, confirmed(WHOLE))
    delete(cast.supervisor, first)
    heir = declared(cast.cashier)
    bank.will_answer(answer(confirmed(WHOLE)))
    checking.check(heir.id, bank=app.extensions["bank"])
    url = f"/transactions/{heir.transaction_id}"
    barred = supervisor.get(url)
    assert f"Usted eliminó o rechazó el pago {first.transaction_id}" in barred.text
    assert "Aprobar" not in barred.text and "Rechazar" not in barred.text
    sent = {"decision": "approve", "reason": "Lo vi", "version": barred.inputs["version"]}
    refused = supervisor.post(f"{url}/review", sent).insist()
    assert refused.status == 403
    assert f"Usted eliminó o rechazó el pago {first.transaction_id}" in refused.text
    second = Browser(app).sign_in(cast.other_supervisor)
    assert "el movimiento pasa a pagarlo" in second.get(url).text
    assert second.post(f"{url}/review", sent).status == 303
    assert f"El movimiento pagaba antes: {first.transaction_id}." in second.get(url).text


def test_programs_are_refused_alike(app: Flask, cast: Cast):
    first = paid(cast, confirmed(WHOLE))
    delete(cast.supervisor, first)
    heir = bank_says(declared(cast.cashier), confirmed(WHOLE))
    url = f"/transactions/{heir.transaction_id}/review"
    sent = {"decision": "approve", "reason": "Lo vi"}
    refused = Program(app, cast.supervisor).post(url, sent)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "release_needs_another")
    second = Program(app, cast.other_supervisor)
    assert second.post(url, sent).get_json()["status"] == "COMPLETED"
    events = second.get(f"/transactions/{heir.id}/events").get_json()["items"]
    assert events[-1]["metadata"]["released_from"] == [first.transaction_id]


def test_the_trail_of_a_rejected_holder_names_the_heir(app: Flask, cast: Cast, supervisor: Browser):
    first = paid(cast, confirmed(WHOLE))
    reopen(cast.admin, first)
    decide(cast.supervisor, first, Verdict.REJECT)
    heir = bank_says(declared(cast.cashier, WHOLE[-6:]), confirmed(WHOLE[-6:]))
    decide(cast.other_supervisor, heir)
    page = supervisor.get(f"/transactions/{first.transaction_id}")
    assert f"Su movimiento del banco pasó al pago {heir.transaction_id}" in page.text


# Several people do all kinds of things in any order.

SUPERVISING = ("supervisor", "other_supervisor", "admin")
DOERS = {
    "claim": ("cashier", "cashier", "supervisor"),
    "bank": ("cashier",),
    "approve": SUPERVISING,
    "reject": SUPERVISING,
    "delete": SUPERVISING,
    "reopen": ("admin",),
    "correct": ("cashier", "supervisor"),
}
"""Who tries what; more than one of them may not, and the product has to say so."""
acts = st.sampled_from([*sorted(DOERS), "claim", "approve", "approve", "delete"]).flatmap(
    lambda act: st.tuples(
        st.just(act),
        st.sampled_from(DOERS[act]),
        st.sampled_from(["holder", "newest"]),
        st.sampled_from(range(len(SPELLINGS))),
    )
)


class Desk:
    """Several people at several payments, all of which one movement of the bank could pay."""

    def __init__(self, cast: Cast, number: int) -> None:
        self.cast = cast
        whole = f"000456{300_000 + number}"
        self.spellings = (whole, whole.lstrip("0"), whole[-6:])
        self.payments: list[Transaction] = []
        self.transaction_ids: list[str] = []

    def act(self, act: str, who: str, which: str, spelling: int) -> None:
        """Do one thing as one person, to the payment that holds the movement or to the newest."""
        person: Person = getattr(self.cast, who)
        newest = self.payments[-1] if self.payments else None
        payment = (self.holder() if which == "holder" else None) or newest
        try:
            self._try(act, person, payment, self.spellings[spelling])
        except DomainError:
            db.session.rollback()

    def _try(self, act: str, person: Person, payment: Transaction | None, spelling: str) -> None:
        shown = confirmed(spelling)
        if act == "claim":
            claimed = declared(person, spelling)
            self.payments.append(claimed)
            self.transaction_ids.append(claimed.transaction_id)
            bank_says(claimed, shown)
        elif payment is None:
            return
        elif act == "bank":
            bank_says(payment, shown)
        elif act in set(Verdict):
            decide(person, payment, Verdict(act))
        elif act == "correct":
            other = payments.details(reference=spelling, amount=Decimal("124.00"))
            service.correct(actor=person.actor, row_id=payment.id, version=None, details=other)
        else:
            {"delete": delete, "reopen": reopen}[act](person, payment)

    def holder(self) -> Transaction | None:
        """Return the one payment that the movement pays; more than one fails."""
        db.session.rollback()
        rows = queries.named(self.transaction_ids)
        verified = [one for one in rows if one.status is Status.COMPLETED and not one.deleted_at]
        holders = [one for one in rows if one.matched_movement]
        assert len(holders) <= 1
        assert verified in ([], holders)
        return holders[0] if holders else None


def who_ended(payment: Transaction) -> set[Any]:
    """Return who deleted or rejected a payment."""
    return {
        event.actor_id
        for event in queries.events_of(payment.id)
        if event.metadata_.get("deleted") or event.metadata_.get("decision") == "reject"
    }


def test_no_order_of_acts_lets_one_movement_pay_two_or_one_person_free_it(app: Flask, cast: Cast):
    examples = itertools.count(1)

    @settings(calmly, max_examples=60)
    @given(st.lists(acts, min_size=10, max_size=30))
    def whatever_happens(steps):
        desk = Desk(cast, next(examples))
        before: Transaction | None = None
        for step in steps:
            desk.act(*step)
            after = desk.holder()
            if before is not None and (after is None or after.id != before.id):
                assert after is not None
                assert_freed_by_a_second_person(before, after)
            before = after

    whatever_happens()


def assert_freed_by_a_second_person(holder: Transaction, heir: Transaction) -> None:
    freed, decided = queries.events_of(holder.id)[-1], queries.events_of(heir.id)[-1]
    assert freed.metadata_["released"]["to"] == heir.transaction_id
    assert decided.metadata_["released_from"] == [holder.transaction_id]
    assert freed.actor_id == decided.actor_id
    assert who_ended(holder) and freed.actor_id not in who_ended(holder)
    for payment in (holder, heir):
        assert freed.actor_id != payment.created_by
        assert str(freed.actor_id) not in payment.edited_by
