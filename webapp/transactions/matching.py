"""What an answer of the bank proves about a claim, which is what was declared (DESIGN 3 and 4); pure.

Only credits count, and the bank's list is never shortened. Exactly one settled credit that contradicts nothing
verifies the payment; everything doubtful goes to a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from webapp.banking.gateway import Claim, Movement, MovementState
from webapp.transactions import identifiers
from webapp.transactions.lifecycle import Status

TAIL = 6
"""With so many digits a reference can be told from another."""


class ReasonCode(StrEnum):
    """Why a transaction stands where it stands; kept in `transactions.reasons` and in its events."""

    NOT_FOUND = "NOT_FOUND"
    PENDING_AT_BANK = "PENDING_AT_BANK"
    MATCHED = "MATCHED"
    REFUSED_BY_BANK = "REFUSED_BY_BANK"
    UNRECOGNISED_WORD = "UNRECOGNISED_WORD"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS"
    REFERENCE_DIFFERS = "REFERENCE_DIFFERS"
    DATE_DIFFERS = "DATE_DIFFERS"
    PHONE_DIFFERS = "PHONE_DIFFERS"
    NATIONAL_ID_DIFFERS = "NATIONAL_ID_DIFFERS"
    TYPE_DIFFERS = "TYPE_DIFFERS"
    SEVERAL_MOVEMENTS = "SEVERAL_MOVEMENTS"
    MOVEMENT_ALREADY_USED = "MOVEMENT_ALREADY_USED"
    NO_LONGER_SHOWN = "NO_LONGER_SHOWN"
    GAVE_UP = "GAVE_UP"
    STILL_PENDING = "STILL_PENDING"


Reason = Mapping[str, Any]
"""`{"code": …, …}`: a ReasonCode and the values that its sentence needs, as JSON."""


def reason(code: ReasonCode, **about: Any) -> Reason:
    """Return a reason in the shape that is stored."""
    return {"code": code.value, **about}


@dataclass(frozen=True)
class Decision:
    """Where the transaction should stand by this answer, and why."""

    status: Status
    reasons: tuple[Reason, ...]
    movement: Movement | None = None
    """The movement that the decision is about, where it is exactly one."""


def decide(claim: Claim, movements: Collection[Movement], held: Mapping[str, str]) -> Decision:
    """Weigh a claim against what the bank shows.

    `held` maps movements (by identity) that pay other payments to the transaction_ids of those payments.
    """
    credits_shown = [movement for movement in movements if movement.is_credit]
    if not credits_shown:
        return Decision(Status.IN_PROGRESS, (reason(ReasonCode.NOT_FOUND),))
    fitting = [movement for movement in credits_shown if not any(differences(claim, movement))]
    if len(fitting) > 1:
        several = reason(ReasonCode.SEVERAL_MOVEMENTS, count=len(fitting))
        return Decision(
            Status.TO_REVIEW, (several, *_already_used(fitting, held)), _single(fitting)
        )
    if fitting:
        return _by_state(fitting[0], held)
    return _nothing_fits(claim, credits_shown, held)


def _by_state(movement: Movement, held: Mapping[str, str]) -> Decision:
    if movement.state is MovementState.PENDING:
        pending = reason(ReasonCode.PENDING_AT_BANK, word=movement.word)
        return Decision(Status.IN_PROGRESS, (pending,), movement)
    if movement.state is MovementState.REFUSED:
        refused = reason(ReasonCode.REFUSED_BY_BANK, word=movement.word)
        return Decision(Status.CANCELED, (refused,), movement)
    if movement.state is MovementState.UNRECOGNISED:
        unknown = reason(ReasonCode.UNRECOGNISED_WORD, word=movement.word)
        return Decision(Status.UNKNOWN, (unknown,), movement)
    used = _already_used([movement], held)
    if used:
        return Decision(Status.TO_REVIEW, used, movement)
    return Decision(Status.COMPLETED, (reason(ReasonCode.MATCHED),), movement)


def _already_used(movements: list[Movement], held: Mapping[str, str]) -> tuple[Reason, ...]:
    """Return a reason for each other payment that these movements pay already."""
    holders = dict.fromkeys(held[one.identity] for one in movements if one.identity in held)
    return tuple(reason(ReasonCode.MOVEMENT_ALREADY_USED, transaction_id=one) for one in holders)


def _nothing_fits(claim: Claim, movements: list[Movement], held: Mapping[str, str]) -> Decision:
    """Decide where no movement fits: a person sees every difference, unless the bank is still working on all."""
    if all(movement.state is MovementState.PENDING for movement in movements):
        pending = reason(ReasonCode.PENDING_AT_BANK, word=movements[0].word)
        return Decision(Status.IN_PROGRESS, (pending,), _single(movements))
    reasons: list[Reason] = []
    if len(movements) > 1:
        reasons.append(reason(ReasonCode.SEVERAL_MOVEMENTS, count=len(movements)))
    for movement in movements:
        reasons.extend(differences(claim, movement))
        if movement.state is MovementState.REFUSED:
            reasons.append(reason(ReasonCode.REFUSED_BY_BANK, word=movement.word))
        elif movement.state is MovementState.UNRECOGNISED:
            reasons.append(reason(ReasonCode.UNRECOGNISED_WORD, word=movement.word))
    return Decision(
        Status.TO_REVIEW, (*reasons, *_already_used(movements, held)), _single(movements)
    )


def _single(movements: list[Movement]) -> Movement | None:
    """Return the one movement that these are, where the bank gives them one identity; else None."""
    return movements[0] if len({movement.identity for movement in movements}) == 1 else None


def differences(claim: Claim, movement: Movement) -> Iterator[Reason]:
    """Yield everything in which a movement contradicts a claim; a field that is absent cannot."""
    if movement.reference and not _same_reference(claim.reference, movement):
        yield _differs(ReasonCode.REFERENCE_DIFFERS, claim.reference, movement.reference)
    if claim.amount is not None and movement.amount is not None and claim.amount != movement.amount:
        yield _differs(ReasonCode.AMOUNT_DIFFERS, str(claim.amount), str(movement.amount))
    if movement.currency and currency(movement.currency) != claim.currency:
        yield _differs(ReasonCode.CURRENCY_DIFFERS, claim.currency, movement.currency)
    if claim.operation_date and movement.day and claim.operation_date != movement.day:
        declared, shown = claim.operation_date.isoformat(), movement.day.isoformat()
        yield _differs(ReasonCode.DATE_DIFFERS, declared, shown)
    if claim.phone and movement.phone and not _same_phone(claim.phone, movement.phone):
        yield _differs(ReasonCode.PHONE_DIFFERS, claim.phone, movement.phone)
    shown_id = movement.national_id
    if claim.national_id and shown_id and not _same_national_id(claim.national_id, shown_id):
        yield _differs(ReasonCode.NATIONAL_ID_DIFFERS, claim.national_id, shown_id)
    if movement.transaction_type and movement.transaction_type != claim.transaction_type:
        yield _differs(ReasonCode.TYPE_DIFFERS, claim.transaction_type, movement.transaction_type)


def _differs(code: ReasonCode, declared: str, bank: str) -> Reason:
    return reason(code, declared=str(declared), bank=str(bank))


def currency(word: str) -> str:
    """Return a bank's spelling of a currency as its ISO code: `BS `, `Bs.` and `VES` are bolívares."""
    bare = word.strip().strip(".").upper()
    return "VES" if bare in {"BS", "BSS", "BS.S", "VES", "VED"} else bare


def _same_reference(declared: str, movement: Movement) -> bool:
    """Tell whether these are one reference: leading zeros do not count, and a tail is enough where the bank may cut."""
    shown = (movement.reference or "").strip()
    if declared.lstrip("0") == shown.lstrip("0"):
        return True
    if not movement.reference_may_be_cut:
        return False
    # A zero that was typed is a digit; one that the bank left out is not.
    return shown.endswith(declared) or declared.endswith(shown.zfill(TAIL))


def tail(reference: str) -> str:
    """Return the last six digits of a reference, which all its spellings share."""
    return reference.strip().lstrip("0").zfill(TAIL)[-TAIL:]


def may_be_the_same(movement: Movement, other: Movement) -> bool:
    """Tell whether these may be one movement of the bank in two spellings; what one lacks cannot tell them apart."""
    if movement.identity == other.identity:
        return True
    pairs = (
        (movement.amount, other.amount),
        (movement.day, other.day),
        (movement.transaction_type, other.transaction_type),
    )
    if any(one is not None and two is not None and one != two for one, two in pairs):
        return False
    spellings = ((one.reference or "").lstrip("0").zfill(TAIL) for one in (movement, other))
    short, long = sorted(spellings, key=len)
    return long.endswith(short)


def _same_phone(declared: str, shown: str) -> bool:
    try:
        return identifiers.phone(shown) == declared
    except identifiers.Misspelt:
        return _masked(shown)


def _same_national_id(declared: str, shown: str) -> bool:
    try:
        return identifiers.national_id(shown) == declared
    except identifiers.Misspelt:
        return _masked(shown)


def _masked(shown: str) -> bool:
    """Tell whether the bank hides a part of the value, which therefore contradicts nothing."""
    return "*" in shown or "x" in shown.lower()
