"""What an answer of the bank proves about a claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import calmly
from webapp.banking.gateway import BankType, Claim, Movement, MovementState, TransactionType
from webapp.transactions.lifecycle import Status
from webapp.transactions.matching import Decision, ReasonCode, currency, decide, differences

CLAIM = Claim(
    reference="000123456",
    bank=BankType.MOBILE_TRANSFER,
    amount=Decimal("1240.00"),
    phone="04141234567",
    national_id="V9876543",
    operation_date=date(2026, 11, 24),
)
FITTING = Movement(
    identity="banesco:123456:TRANSACTION",
    state=MovementState.SETTLED,
    word="approved",
    reference="000123456",
    amount=Decimal("1240.00"),
    currency="VES",
    day=date(2026, 11, 24),
    phone="04141234567",
    national_id="V9876543",
    transaction_type=TransactionType.TRANSACTION,
)


def nothing(field: str) -> dict[str, Any]:
    return {field: None}


def codes(decision: Decision) -> list[str]:
    return [reason["code"] for reason in decision.reasons]


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (MovementState.SETTLED, Status.COMPLETED, ReasonCode.MATCHED),
        (MovementState.PENDING, Status.IN_PROGRESS, ReasonCode.PENDING_AT_BANK),
        (MovementState.REFUSED, Status.CANCELED, ReasonCode.REFUSED_BY_BANK),
        (MovementState.UNRECOGNISED, Status.UNKNOWN, ReasonCode.UNRECOGNISED_WORD),
    ],
)
def test_one_movement_that_fits_decides_by_its_state(state, status, code):
    movement = replace(FITTING, state=state)
    decision = decide(CLAIM, [movement], {})
    assert (decision.status, codes(decision), decision.movement) == (status, [code], movement)


def test_no_movement_shown_means_not_found_and_nothing_else():
    assert decide(CLAIM, [], {}) == Decision(Status.IN_PROGRESS, ({"code": "NOT_FOUND"},))


def test_debits_only_are_not_found():
    debits = [replace(FITTING, identity=str(n), is_credit=False) for n in range(3)]
    decision = decide(CLAIM, debits, {})
    assert (decision.status, codes(decision)) == (Status.IN_PROGRESS, ["NOT_FOUND"])


@pytest.mark.parametrize(
    ("changes", "code", "declared", "bank"),
    [
        ({"amount": Decimal("1240.01")}, "AMOUNT_DIFFERS", "1240.00", "1240.01"),
        ({"currency": "USD"}, "CURRENCY_DIFFERS", "VES", "USD"),
        ({"reference": "000123457"}, "REFERENCE_DIFFERS", "000123456", "000123457"),
        ({"day": date(2026, 11, 21)}, "DATE_DIFFERS", "2026-11-24", "2026-11-21"),
        ({"phone": "04160000001"}, "PHONE_DIFFERS", "04141234567", "04160000001"),
        ({"phone": "nobody"}, "PHONE_DIFFERS", "04141234567", "nobody"),
        ({"national_id": "E9876543"}, "NATIONAL_ID_DIFFERS", "V9876543", "E9876543"),
        ({"national_id": "J-1-9"}, "NATIONAL_ID_DIFFERS", "V9876543", "J-1-9"),
        (
            {"transaction_type": TransactionType.COMMISSION},
            "TYPE_DIFFERS",
            "TRANSACTION",
            "COMMISSION",
        ),
    ],
)
def test_each_contradiction_goes_to_review_with_both_sides(changes, code, declared, bank):
    decision = decide(CLAIM, [replace(FITTING, **changes)], {})
    assert decision.status is Status.TO_REVIEW
    assert decision.reasons == ({"code": code, "declared": declared, "bank": bank},)


def test_all_contradictions_are_told_at_once():
    wrong = replace(FITTING, amount=Decimal(1), phone="04160000001", state=MovementState.REFUSED)
    decision = decide(CLAIM, [wrong], {})
    assert decision.status is Status.TO_REVIEW
    assert codes(decision) == ["AMOUNT_DIFFERS", "PHONE_DIFFERS", "REFUSED_BY_BANK"]


def test_an_unknown_word_beside_a_contradiction_is_told_to_the_reviewer():
    wrong = replace(FITTING, amount=Decimal(1), state=MovementState.UNRECOGNISED, word="odd")
    assert codes(decide(CLAIM, [wrong], {})) == ["AMOUNT_DIFFERS", "UNRECOGNISED_WORD"]


@pytest.mark.parametrize(
    "absent",
    ["reference", "amount", "currency", "day", "phone", "national_id", "transaction_type"],
)
def test_a_field_that_is_absent_cannot_contradict(absent):
    assert decide(CLAIM, [replace(FITTING, **nothing(absent))], {}).status is Status.COMPLETED


@pytest.mark.parametrize("undeclared", ["amount", "phone", "national_id", "operation_date"])
def test_what_was_not_declared_cannot_be_contradicted(undeclared):
    claim = replace(CLAIM, **nothing(undeclared))
    assert decide(claim, [FITTING], {}).status is Status.COMPLETED


@pytest.mark.parametrize(
    "spelling",
    [
        {"reference": "123456"},
        {"reference": " 0000000123456 "},
        {"phone": "+58 414-123.45.67"},
        {"phone": "584141234567"},
        {"phone": "0414***4567"},
        {"national_id": "v-9.876.543"},
        {"national_id": "9876543"},
        {"national_id": "V98XXX43"},
        {"currency": "BS "},
        {"currency": "Bs."},
        {"currency": "ves"},
    ],
)
def test_other_spellings_of_the_same_do_not_contradict(spelling):
    assert decide(CLAIM, [replace(FITTING, **spelling)], {}).status is Status.COMPLETED


def test_a_movement_that_pays_another_payment_goes_to_review_naming_it():
    decision = decide(CLAIM, [FITTING], {FITTING.identity: "P-OTHER"})
    assert decision.status is Status.TO_REVIEW
    assert decision.reasons == ({"code": "MOVEMENT_ALREADY_USED", "transaction_id": "P-OTHER"},)


def test_two_movements_that_fit_go_to_a_person():
    decision = decide(CLAIM, [FITTING, replace(FITTING, identity="another")], {})
    assert (decision.status, codes(decision)) == (Status.TO_REVIEW, ["SEVERAL_MOVEMENTS"])
    assert decision.movement is None


def test_two_rows_that_cannot_be_told_apart_are_still_two():
    decision = decide(CLAIM, [FITTING, FITTING], {})
    assert (decision.status, codes(decision)) == (Status.TO_REVIEW, ["SEVERAL_MOVEMENTS"])
    assert decision.movement == FITTING  # an approval uses it up


def test_the_one_that_fits_is_found_among_others():
    others = [
        replace(FITTING, identity="debit", is_credit=False),
        replace(FITTING, identity="other amount", amount=Decimal(5)),
    ]
    decision = decide(CLAIM, [*others, FITTING], {})
    assert (decision.status, decision.movement) == (Status.COMPLETED, FITTING)


def test_several_that_do_not_fit_go_to_a_person_with_every_difference():
    wrong = [replace(FITTING, identity=str(n), amount=Decimal(n)) for n in (1, 2)]
    decision = decide(CLAIM, wrong, {})
    assert decision.status is Status.TO_REVIEW
    assert codes(decision) == ["SEVERAL_MOVEMENTS", "AMOUNT_DIFFERS", "AMOUNT_DIFFERS"]
    assert decision.movement is None


def test_a_movement_that_differs_waits_while_the_bank_is_still_processing_it():
    pending = replace(FITTING, amount=Decimal(5), state=MovementState.PENDING)
    decision = decide(CLAIM, [pending], {})
    assert (decision.status, codes(decision)) == (Status.IN_PROGRESS, ["PENDING_AT_BANK"])


def test_foreign_currencies_keep_their_code():
    assert currency(" usd ") == "USD"
    assert currency("BsS") == currency("Bs.S.") == currency("VED") == "VES"


maybe = st.none()
movements = st.builds(
    Movement,
    identity=st.sampled_from(["a", "b", "c", "d"]),
    state=st.sampled_from(MovementState),
    word=st.just("word"),
    is_credit=st.booleans(),
    reference=maybe | st.sampled_from(["000123456", "123456", "999999999", ""]),
    amount=maybe | st.sampled_from([Decimal("1240.00"), Decimal("1240.01")]),
    currency=maybe | st.sampled_from(["VES", "BS ", "USD"]),
    day=maybe | st.sampled_from([date(2026, 11, 24), date(2026, 11, 23)]),
    phone=maybe | st.sampled_from(["04141234567", "584141234567", "04160000001", "*"]),
    national_id=maybe | st.sampled_from(["V9876543", "E9876543", "V-1"]),
    transaction_type=maybe | st.sampled_from(TransactionType),
)
claims = st.builds(
    Claim,
    reference=st.just("000123456"),
    bank=st.sampled_from(BankType),
    transaction_type=st.sampled_from(TransactionType),
    amount=maybe | st.just(Decimal("1240.00")),
    phone=maybe | st.just("04141234567"),
    national_id=maybe | st.just("V9876543"),
    operation_date=maybe | st.just(date(2026, 11, 24)),
)
held = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.just("P-HOLDER"))


@calmly
@given(claims, st.lists(movements, max_size=4), held)
def test_nothing_completes_with_a_contradiction_a_doubt_or_a_used_movement(claim, shown, holders):
    decision = decide(claim, shown, holders)
    if decision.status is not Status.COMPLETED:
        return
    paid = decision.movement
    assert paid is not None and paid in shown
    assert paid.is_credit and paid.state is MovementState.SETTLED
    assert not list(differences(claim, paid))
    assert paid.identity not in holders
    assert len([m for m in shown if m.is_credit and not list(differences(claim, m))]) == 1


@calmly
@given(claims, st.lists(movements, max_size=4, unique_by=lambda m: m.identity), held)
def test_only_a_single_fitting_movement_decides_without_a_person(claim, shown, holders):
    decision = decide(claim, shown, holders)
    fitting = [m for m in shown if m.is_credit and not list(differences(claim, m))]
    if decision.status in (Status.COMPLETED, Status.CANCELED, Status.UNKNOWN):
        assert fitting == [decision.movement]
    if not any(m.is_credit for m in shown):
        assert codes(decision) == ["NOT_FOUND"]
    assert decision.reasons


@calmly
@given(claims, st.lists(movements, max_size=4, unique_by=lambda m: m.identity), held)
def test_the_order_in_which_the_bank_lists_does_not_matter(claim, shown, holders):
    forwards, backwards = (decide(claim, order, holders) for order in (shown, shown[::-1]))
    assert forwards.status is backwards.status
    assert sorted(codes(forwards)) == sorted(codes(backwards))
