"""Payments are logged, corrected, decided, deleted and reopened; the trail only grows."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from tests.support import payments
from tests.support.bank import answer, movement
from tests.support.counting import counted_statements
from tests.support.people import Cast, Person
from tests.support.threads import together
from webapp.banking.gateway import MovementState, TransactionType
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.kernel.permissions import Actor
from webapp.transactions import bank_answers, queries, service
from webapp.transactions.declaration import details_of
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction, TransactionEvent
from webapp.transactions.service import ReferenceTaken, TransactionIdTaken, Verdict
from webapp.transactions.versions import StaleVersion

pytestmark = pytest.mark.usefixtures("app")
GIVE_UP = timedelta(hours=72)


def events(transaction: Transaction) -> list[TransactionEvent]:
    return queries.events_of(transaction.id)


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def log(person: Person, details, *, key: str | None = None, transaction_id: str | None = None):
    return service.log(
        actor=person.actor,
        details=details,
        transaction_id=transaction_id,
        submission_key=key or uuid.uuid4().hex,
        bank_environment="qa",
        receiving_account=None,
    )


def bank_says(transaction: Transaction, *movements, version: int | None = None) -> Transaction:
    """Let the bank answer about the payment as it stands now."""
    bank_answers.record_answer(
        row_id=transaction.id,
        version=version or payments.reread(transaction).version,
        answer=answer(*movements),
        give_up_after=GIVE_UP,
    )
    return payments.reread(transaction)


def to_review(person: Person, **changes) -> Transaction:
    """Return a payment whose amount the bank contradicts."""
    transaction = payments.logged(person, **changes)
    return bank_says(transaction, movement(transaction, amount=Decimal("1.00")))


def decide(person: Person, transaction: Transaction, verdict=Verdict.APPROVE, reason="Lo vi"):
    return service.decide(actor=person.actor, row_id=transaction.id, verdict=verdict, reason=reason)


def correct(person: Person, transaction: Transaction, *, version: int | None = None, **changes):
    return service.correct(
        actor=person.actor,
        row_id=transaction.id,
        version=version or payments.reread(transaction).version,
        details=replace(details_of(payments.reread(transaction)), **changes),
    )


class TestLogging:
    def test_a_payment_begins_in_process_due_at_once_with_its_first_event(self, cast: Cast):
        logged = log(cast.cashier, payments.details(concept="Consulta"))
        assert logged.created
        payment = payments.reread(logged.transaction)
        assert (payment.status, payment.version) == (Status.IN_PROGRESS, 1)
        assert payment.next_check_at is not None and payment.next_check_at <= clock.now()
        assert payment.creator is not None
        assert payment.creator.full_name == cast.cashier.full_name
        (event,) = events(payment)
        assert (event.old_status, event.new_status) == (None, Status.IN_PROGRESS)
        assert (event.actor_id, event.actor_type) == (cast.cashier.id, "USER")

    def test_an_id_that_the_app_assigns_is_not_asked_of_the_bank(self, cast: Cast):
        assert payments.logged(cast.cashier).as_claim().own_key is None
        own = payments.logged(cast.cashier, transaction_id="FAC-1")
        assert own.as_claim().own_key == "FAC-1"

    def test_somebody_without_the_permission_logs_nothing(self):
        nobody = Actor(id=uuid.uuid4(), name="Nobody", permissions=frozenset())
        with pytest.raises(Forbidden):
            service.log(
                actor=nobody,
                details=payments.details(),
                transaction_id=None,
                submission_key="k",
                bank_environment="qa",
                receiving_account=None,
            )
        assert count(Transaction) == 0

    def test_a_payment_is_what_was_stored_without_reading_it_again(self, cast: Cast):
        day = date(2026, 11, 3)
        declared = payments.details(payer_bank="0102", operation_date=day, concept="Consulta")
        with counted_statements() as sent:
            logged = log(cast.cashier, declared, transaction_id="FAC-1").transaction
        assert len(sent) == 1, "payment and event take one statement"
        stored = payments.reread(logged)
        columns = [column.key for column in Transaction.__mapper__.column_attrs]
        computed = {"name_words"}
        assert {name: getattr(logged, name) for name in columns if name not in computed} == {
            name: getattr(stored, name) for name in columns if name not in computed
        }

    def test_one_form_sent_20_times_at_once_makes_one_payment(self, app: Flask, cast: Cast):
        details = payments.details()
        results = together(app, [lambda: log(cast.cashier, details, key="one-form")] * 20)
        assert not [result for result in results if isinstance(result, Exception)]
        assert len({result.transaction.id for result in results}) == 1
        assert sum(result.created for result in results) == 1
        assert (count(Transaction), count(TransactionEvent)) == (1, 1)

    def test_two_people_with_one_reference_at_once_one_wins_and_the_other_is_told_who(
        self, app: Flask, cast: Cast
    ):
        details = payments.details()
        first, second = together(
            app,
            [lambda: log(cast.cashier, details), lambda: log(cast.other_cashier, details)],
        )
        refused, won = (first, second) if isinstance(first, Exception) else (second, first)
        assert isinstance(refused, ReferenceTaken)
        assert refused.holder.id == won.transaction.id
        winner = payments.reread(won.transaction).creator
        assert winner is not None and winner.full_name in str(refused.sentence)
        assert won.transaction.transaction_id in str(refused.sentence)
        assert refused.extra["holder"]["transaction_id"] == won.transaction.transaction_id
        assert count(Transaction) == 1

    def test_the_same_form_with_other_content_is_another_payment(self, cast: Cast):
        first = log(cast.cashier, payments.details(), key="one-form")
        second = log(cast.cashier, payments.details(), key="one-form")
        assert first.created and second.created
        assert first.transaction.id != second.transaction.id

    def test_the_same_form_from_another_person_is_not_the_same_form(self, cast: Cast):
        details = payments.details()
        log(cast.cashier, details, key="one-form")
        with pytest.raises(ReferenceTaken):
            log(cast.other_cashier, details, key="one-form")

    def test_a_form_whose_payment_was_deleted_makes_a_new_one(self, cast: Cast):
        details = payments.details()
        first = log(cast.cashier, details, key="one-form").transaction
        service.delete(actor=cast.supervisor.actor, row_id=first.id, reason="Error")
        again = log(cast.cashier, details, key="one-form")
        assert again.created and again.transaction.id != first.id

    def test_a_payment_and_its_commission_may_share_a_reference(self, cast: Cast):
        details = payments.details()
        log(cast.cashier, details)
        log(cast.cashier, replace(details, transaction_type=TransactionType.COMMISSION))
        assert count(Transaction) == 2

    def test_an_id_is_used_once_even_after_a_deletion(self, cast: Cast):
        first = payments.logged(cast.cashier, transaction_id="FAC-1")
        service.delete(actor=cast.supervisor.actor, row_id=first.id, reason="Error")
        with pytest.raises(TransactionIdTaken):
            payments.logged(cast.cashier, transaction_id="FAC-1")

    def test_a_name_full_of_ligatures_can_be_searched_without_failing(self, cast: Cast):
        payment = payments.logged(cast.cashier, full_name="ﬃ" * 255)
        assert payment.customer_name_search.startswith("ffiffi")


class TestCorrecting:
    def test_a_correction_is_written_into_the_trail_with_before_and_after(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        changed = correct(
            cast.cashier, payment, amount=Decimal("99.00"), operation_date=date(2026, 11, 24)
        )
        assert (changed.amount, changed.version) == (Decimal("99.00"), 2)
        assert events(payment)[-1].metadata_["changes"] == {
            "amount": ["1240.00", "99.00"],
            "operation_date": [None, "2026-11-24"],
        }

    def test_a_correction_sends_a_doubtful_payment_back_to_the_bank(self, cast: Cast):
        payment = to_review(cast.cashier)
        changed = correct(cast.cashier, payment, amount=Decimal("1.00"))
        assert changed.status is Status.IN_PROGRESS
        assert changed.next_check_at is not None and changed.next_check_at <= clock.now()
        assert (changed.reasons, changed.bank_amount, changed.shown_movement) == ([], None, None)
        last = events(payment)[-1]
        assert (last.old_status, last.new_status) == (Status.TO_REVIEW, Status.IN_PROGRESS)

    def test_a_corrected_name_needs_no_new_answer(self, cast: Cast):
        payment = to_review(cast.cashier)
        changed = correct(cast.cashier, payment, full_name="Ñáñez Pérez", concept="Otro")
        assert changed.status is Status.TO_REVIEW
        assert changed.reasons and changed.waiting_since == payment.waiting_since
        assert changed.customer_name_search == "nanez perez"

    def test_nothing_changed_leaves_no_trace(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        assert correct(cast.cashier, payment).version == 1
        assert len(events(payment)) == 1

    def test_of_two_who_correct_the_same_version_the_second_is_told(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        correct(cast.cashier, payment, version=1, concept="uno")
        with pytest.raises(StaleVersion):
            correct(cast.supervisor, payment, version=1, concept="dos")
        db.session.rollback()
        assert payments.reread(payment).concept == "uno"

    @pytest.mark.parametrize("shown", [MovementState.SETTLED, MovementState.REFUSED])
    def test_a_final_payment_is_not_corrected(self, cast: Cast, shown):
        payment = payments.logged(cast.cashier)
        final = bank_says(payment, movement(payment, state=shown))
        assert final.is_final
        with pytest.raises(Conflict) as refused:
            correct(cast.cashier, payment, concept="x")
        assert refused.value.code == "final_transaction"

    def test_others_entries_are_corrected_by_supervisors_only(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        for stranger in (cast.other_cashier, cast.integrator):
            with pytest.raises(Forbidden):
                correct(stranger, payment, concept="x")
            db.session.rollback()
        assert correct(cast.supervisor, payment, concept="x").concept == "x"

    def test_a_correction_to_a_reference_in_use_names_its_holder(self, cast: Cast):
        holder = payments.logged(cast.other_cashier)
        payment = payments.logged(cast.cashier)
        with pytest.raises(ReferenceTaken) as refused:
            correct(cast.cashier, payment, reference=holder.reference)
        assert refused.value.holder.id == holder.id
        assert payments.reread(payment).reference == payment.reference


class TestDeleting:
    def test_a_deleted_payment_is_gone_and_its_reference_is_free(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason=" Se  repitió ")
        for lost in (payment.transaction_id, str(payment.id)):
            with pytest.raises(NotFound):
                queries.find(lost)
        with pytest.raises(NotFound):
            queries.by_id(payment.id)
        last = events(payment)[-1]
        assert (last.reason, last.metadata_["deleted"]) == ("Se repitió", True)
        again = payments.logged(cast.cashier, reference=payment.reference)
        assert again.id != payment.id

    def test_a_deleted_payment_keeps_its_movement(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        bank_says(payment, movement(payment))
        service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Error")
        again = payments.logged(cast.cashier, reference=payment.reference)
        after = bank_says(again, movement(again))
        assert after.status is Status.TO_REVIEW
        assert after.reasons == [
            {"code": "MOVEMENT_ALREADY_USED", "transaction_id": payment.transaction_id}
        ]

    @pytest.mark.parametrize("reason", ["", "  \n ", "a\x00b", "\ud800", "x" * 501])
    def test_without_a_proper_reason_nothing_is_deleted(self, cast: Cast, reason):
        payment = payments.logged(cast.cashier)
        with pytest.raises(Invalid) as refused:
            service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason=reason)
        assert refused.value.errors["reason"]
        assert payments.reread(payment).deleted_at is None

    def test_a_cashier_deletes_nothing(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        with pytest.raises(Forbidden):
            service.delete(actor=cast.cashier.actor, row_id=payment.id, reason="Error")

    def test_what_changed_meanwhile_is_not_deleted(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        correct(cast.cashier, payment, concept="x")
        with pytest.raises(StaleVersion):
            service.delete(
                actor=cast.supervisor.actor, row_id=payment.id, reason="Error", version=1
            )

    def test_a_deleted_payment_takes_no_answer(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Error")
        with pytest.raises(NotFound):
            bank_answers.record_answer(
                row_id=payment.id,
                version=1,
                answer=answer(movement(payment)),
                give_up_after=GIVE_UP,
            )


class TestDeciding:
    @pytest.mark.parametrize(
        ("verdict", "status"),
        [(Verdict.APPROVE, Status.COMPLETED), (Verdict.REJECT, Status.CANCELED)],
    )
    def test_a_supervisor_decides_for_a_reason_that_stays(self, cast: Cast, verdict, status):
        payment = to_review(cast.cashier)
        decided = decide(cast.supervisor, payment, verdict, "  Vi el   estado de cuenta ")
        assert decided.status is status
        assert decided.next_check_at is None
        last = events(payment)[-1]
        assert last.reason == "Vi el estado de cuenta"
        assert last.metadata_["decision"] == verdict.value
        assert last.actor is not None and last.actor.full_name == cast.supervisor.full_name

    def test_an_approved_payment_uses_the_movement_and_a_rejected_one_does_not(self, cast: Cast):
        approved = decide(cast.supervisor, to_review(cast.cashier))
        assert approved.matched_movement == approved.shown_movement is not None
        rejected = decide(cast.supervisor, to_review(cast.cashier), Verdict.REJECT)
        assert rejected.matched_movement is None

    @pytest.mark.parametrize("reason", ["", "   ", "\x00", "x" * 501])
    def test_no_decision_without_a_reason(self, cast: Cast, reason):
        payment = to_review(cast.cashier)
        with pytest.raises(Invalid):
            decide(cast.supervisor, payment, reason=reason)
        assert payments.reread(payment).status is Status.TO_REVIEW

    def test_nobody_decides_their_own_entry(self, cast: Cast):
        payment = to_review(cast.supervisor)
        with pytest.raises(Forbidden, match="own_transaction"):
            decide(cast.supervisor, payment)
        db.session.rollback()
        assert decide(cast.other_supervisor, payment).status is Status.COMPLETED

    def test_nobody_decides_what_they_corrected(self, cast: Cast):
        payment = to_review(cast.cashier)
        correct(cast.supervisor, payment, full_name="Otra Persona")
        with pytest.raises(Forbidden, match="own_transaction"):
            decide(cast.supervisor, payment)
        db.session.rollback()
        assert decide(cast.other_supervisor, payment).is_final

    def test_a_later_correction_by_somebody_else_does_not_free_an_earlier_editor(self, cast: Cast):
        payment = to_review(cast.cashier)
        correct(cast.supervisor, payment, full_name="Otra Persona")
        correct(cast.cashier, payments.reread(payment), concept="Otro concepto")
        with pytest.raises(Forbidden, match="own_transaction"):
            decide(cast.supervisor, payment)
        db.session.rollback()
        assert decide(cast.other_supervisor, payment).is_final

    @pytest.mark.parametrize("name", ["cashier", "other_cashier", "integrator"])
    def test_only_those_who_review_decide(self, cast: Cast, name):
        payment = to_review(cast.cashier)
        with pytest.raises(Forbidden):
            decide(getattr(cast, name), payment)

    def test_of_two_supervisors_at_once_one_decides_and_the_other_is_told_who(
        self, app: Flask, cast: Cast
    ):
        payment = to_review(cast.cashier)
        both = (cast.supervisor, cast.other_supervisor)
        results = together(
            app,
            [
                lambda: decide(both[0], payment, Verdict.APPROVE),
                lambda: decide(both[1], payment, Verdict.REJECT),
            ],
        )
        (loser,) = [number for number, r in enumerate(results) if isinstance(r, Exception)]
        refused = results[loser]
        assert isinstance(refused, Conflict) and refused.code == "not_decidable"
        assert both[1 - loser].full_name in str(refused.sentence)
        decisions = [event for event in events(payment) if "decision" in event.metadata_]
        assert [event.actor_id for event in decisions] == [both[1 - loser].id]

    def test_what_the_bank_decided_is_not_decided_again(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        bank_says(payment, movement(payment))
        with pytest.raises(Conflict) as refused:
            decide(cast.supervisor, payment)
        assert "el sistema" in str(refused.value.sentence)

    def test_what_is_in_process_has_nothing_to_decide(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        with pytest.raises(Conflict) as refused:
            decide(cast.supervisor, payment)
        assert "en proceso" in str(refused.value.sentence)

    def test_a_movement_that_pays_another_payment_cannot_be_approved(self, cast: Cast):
        payer = payments.logged(cast.cashier)
        bank_says(payer, movement(payer))
        second = payments.logged(cast.cashier)
        shown = movement(second, identity=movement(payer).identity)
        assert bank_says(second, shown).status is Status.TO_REVIEW
        with pytest.raises(Conflict) as refused:
            decide(cast.supervisor, second)
        assert refused.value.code == "movement_used"
        assert payer.transaction_id in str(refused.value.sentence)

    def test_two_that_show_one_movement_are_never_both_approved(self, app: Flask, cast: Cast):
        pair = [payments.logged(cast.cashier) for _ in range(2)]
        for payment in pair:
            bank_says(payment, movement(payment, identity="one", amount=Decimal(1)))
        first, second = pair
        results = together(
            app,
            [lambda: decide(cast.supervisor, first), lambda: decide(cast.other_supervisor, second)],
        )
        assert sum(isinstance(result, Conflict) for result in results) == 1
        statuses = sorted(payments.reread(payment).status for payment in pair)
        assert statuses == [Status.COMPLETED, Status.TO_REVIEW]


class TestReopening:
    @pytest.mark.parametrize("verdict", Verdict)
    def test_an_administrator_puts_a_closed_payment_back_before_the_supervisors(
        self, cast: Cast, verdict
    ):
        payment = to_review(cast.cashier)
        decide(cast.supervisor, payment, verdict)
        opened = service.reopen(actor=cast.admin.actor, row_id=payment.id, reason="Reclamo")
        assert opened.status is Status.TO_REVIEW
        paid_by = movement(payment).identity if verdict is Verdict.APPROVE else None
        assert opened.matched_movement == paid_by
        last = events(payment)[-1]
        assert (last.reason, last.metadata_["cause"]) == ("Reclamo", "reopening")
        assert decide(cast.other_supervisor, payment).status is Status.COMPLETED

    def test_supervisors_do_not_reopen(self, cast: Cast):
        payment = to_review(cast.cashier)
        decide(cast.supervisor, payment)
        with pytest.raises(Forbidden):
            service.reopen(actor=cast.supervisor.actor, row_id=payment.id, reason="Reclamo")

    def test_an_open_payment_is_not_reopened_and_a_reason_is_due(self, cast: Cast):
        payment = to_review(cast.cashier)
        with pytest.raises(Conflict):
            service.reopen(actor=cast.admin.actor, row_id=payment.id, reason="Reclamo")
        db.session.rollback()
        with pytest.raises(Invalid):
            service.reopen(actor=cast.admin.actor, row_id=payment.id, reason=" ")


class TestAnswers:
    @pytest.mark.parametrize(
        ("changes", "status", "codes"),
        [
            ({}, Status.COMPLETED, ["MATCHED"]),
            ({"state": MovementState.REFUSED}, Status.CANCELED, ["REFUSED_BY_BANK"]),
            ({"state": MovementState.UNRECOGNISED}, Status.UNKNOWN, ["UNRECOGNISED_WORD"]),
            ({"amount": Decimal("1.00")}, Status.TO_REVIEW, ["AMOUNT_DIFFERS"]),
        ],
    )
    def test_an_answer_moves_the_payment_and_says_why(self, cast: Cast, changes, status, codes):
        payment = payments.logged(cast.cashier)
        after = bank_says(payment, movement(payment, **changes))
        assert after.status is status
        assert [item["code"] for item in after.reasons] == codes
        assert after.next_check_at is None and after.last_checked_at is not None
        last = events(payment)[-1]
        assert (last.old_status, last.new_status) == (Status.IN_PROGRESS, status)
        assert (last.actor_type, last.reason) == ("SYSTEM", codes[0])

    @pytest.mark.parametrize("state", [None, MovementState.PENDING])
    def test_not_found_and_pending_stay_in_process_and_are_asked_again(self, cast: Cast, state):
        payment = payments.logged(cast.cashier)
        shown = [movement(payment, state=state)] if state else []
        after = bank_says(payment, *shown)
        assert after.status is Status.IN_PROGRESS
        assert after.next_check_at is not None and after.next_check_at > clock.now()
        assert len(events(payment)) == 1

    def test_what_the_bank_shows_is_kept_beside_what_was_declared(self, cast: Cast):
        after = to_review(cast.cashier)
        assert (after.amount, after.bank_amount) == (Decimal("1240.00"), Decimal("1.00"))
        assert after.bank_reference == after.reference
        assert after.banesco_payload == {"status": "test"}
        assert after.matched_movement is None

    def test_an_answer_about_an_older_version_decides_nothing_and_the_bank_is_asked_again(
        self, cast: Cast
    ):
        payment = payments.logged(cast.cashier)
        correct(cast.cashier, payment, amount=Decimal("5.00"))
        after = bank_says(payment, movement(payment), version=1)
        assert after.status is Status.IN_PROGRESS and after.bank_amount is None
        assert after.next_check_at is not None and after.next_check_at <= clock.now()

    def test_an_answer_that_comes_after_the_end_changes_nothing(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        bank_says(payment, movement(payment))
        after = bank_says(payment, movement(payment, amount=Decimal(5)), version=1)
        assert (after.status, after.next_check_at) == (Status.COMPLETED, None)
        assert after.bank_amount == Decimal("1240.00")

    def test_no_later_answer_decides_over_a_supervisor(self, cast: Cast):
        payment = to_review(cast.cashier)
        after = bank_says(payment, movement(payment))
        assert after.status is Status.TO_REVIEW
        assert [item["code"] for item in after.reasons] == ["MATCHED"]

    def test_what_was_unknown_is_verified_by_a_later_answer(self, cast: Cast):
        payment = payments.logged(cast.cashier)
        bank_says(payment, movement(payment, state=MovementState.UNRECOGNISED))
        pending = bank_says(payment, movement(payment, state=MovementState.PENDING))
        assert pending.status is Status.IN_PROGRESS and pending.next_check_at is not None
        assert bank_says(payment, movement(payment)).status is Status.COMPLETED

    def test_two_payments_that_show_one_movement_at_once_are_not_both_verified(
        self, app: Flask, cast: Cast
    ):
        pair = [payments.logged(cast.cashier) for _ in range(2)]
        shown = [movement(payment, identity="the same") for payment in pair]

        def record(number: int):
            return lambda: bank_answers.record_answer(
                row_id=pair[number].id,
                version=1,
                answer=answer(shown[number]),
                give_up_after=GIVE_UP,
            )

        results = together(app, [record(0), record(1)])
        assert not [result for result in results if isinstance(result, Exception)]
        after = sorted((payments.reread(payment) for payment in pair), key=lambda t: t.status)
        assert [payment.status for payment in after] == [Status.COMPLETED, Status.TO_REVIEW]
        assert after[1].reasons == [
            {"code": "MOVEMENT_ALREADY_USED", "transaction_id": after[0].transaction_id}
        ]


class TestGivingUp:
    def old(self, cast: Cast, hours: float) -> Transaction:
        payment = payments.logged(cast.cashier)
        db.session.execute(
            update(Transaction).values(waiting_since=clock.now() - timedelta(hours=hours))
        )
        db.session.commit()
        return payment

    def test_what_did_not_appear_for_72_hours_goes_to_a_person(self, cast: Cast):
        payment = self.old(cast, 72.1)
        after = bank_says(payment)
        assert after.status is Status.UNKNOWN
        assert after.reasons == [{"code": "GAVE_UP", "hours": 72}]
        assert after.next_check_at is None
        assert events(payment)[-1].metadata_["cause"] == "giving_up"

    def test_a_payment_waits_until_the_72_hours_are_over(self, cast: Cast):
        assert bank_says(self.old(cast, 71.9)).status is Status.IN_PROGRESS

    def test_a_late_appearance_is_verified_however_old(self, cast: Cast):
        payment = self.old(cast, 500)
        assert bank_says(payment, movement(payment)).status is Status.COMPLETED

    def test_a_corrected_payment_waits_as_long_as_a_new_one(self, cast: Cast):
        payment = self.old(cast, 500)
        correct(cast.cashier, payment, amount=Decimal(7))
        assert bank_says(payment).status is Status.IN_PROGRESS


@pytest.mark.parametrize(
    "rewriting",
    [
        "UPDATE transaction_events SET reason = 'nothing happened'",
        "DELETE FROM transaction_events",
        "TRUNCATE transaction_events",
        "DELETE FROM transactions",
    ],
)
def test_the_database_refuses_to_rewrite_the_trail(cast: Cast, rewriting):
    payment = to_review(cast.cashier)
    with pytest.raises(IntegrityError, match="append-only"):
        db.session.execute(text(rewriting))
    db.session.rollback()
    assert len(events(payment)) == 2
