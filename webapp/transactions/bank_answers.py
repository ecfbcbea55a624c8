"""What an answer of the bank does to a payment: weighed, kept beside what was declared, and followed."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from webapp.banking.gateway import BankAnswer
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.permissions import SYSTEM
from webapp.transactions import allocation, check_schedule, matching, movements, queries
from webapp.transactions.lifecycle import DECIDABLE, FINAL, Cause, Status, allows
from webapp.transactions.matching import Decision, ReasonCode
from webapp.transactions.models import Transaction
from webapp.transactions.status_changes import move
from webapp.transactions.versions import is_current, raise_version

MOST_SHOWN = 50


def record_answer(
    *,
    row_id: uuid.UUID,
    version: int,
    answer: BankAnswer,
    give_up_after: timedelta,
    leased_until: datetime | None = None,
    quiet: bool = False,
) -> Transaction:
    """Let an answer of the bank decide, if the payment is still the one that was asked about (`version`).

    A payment that does not appear, or stays pending, for longer than `give_up_after` goes to a person.
    `leased_until` names the lease that ends with the answer; `quiet` spaces the next question out. Raises
    NotFound where the payment was deleted meanwhile.
    """

    def recorded() -> Transaction:
        transaction = queries.locked(row_id)
        end_lease(transaction, leased_until)
        transaction.last_checked_at = now = clock.now()
        if not is_current(transaction, version):
            transaction.next_check_at = None if transaction.is_final else now
        else:
            _apply(transaction, answer, give_up_after)
            waits = transaction.status is Status.IN_PROGRESS
            next_at = check_schedule.next_check(transaction.waiting_since, now, quiet=quiet)
            transaction.next_check_at = next_at if waits else None
        db.session.commit()
        return transaction

    try:
        return recorded()
    except IntegrityError:
        # Another payment took the movement in this very moment: weigh the answer again, knowing that.
        db.session.rollback()
        return recorded()


def _apply(transaction: Transaction, answer: BankAnswer, give_up_after: timedelta) -> None:
    """Weigh the answer, keep what it shows, and move the payment where that leads."""
    version = transaction.version
    held = allocation.held_elsewhere(transaction, answer.movements)
    decision = matching.decide(transaction.as_claim(), answer.movements, held)
    before = _what_is_shown(transaction)
    _keep_shown(transaction, decision, answer)
    _move(transaction, decision, give_up_after)
    unmoved = is_current(transaction, version)
    if unmoved and transaction.status in DECIDABLE and _what_is_shown(transaction) != before:
        raise_version(transaction)  # the person who decides must have seen this


def end_lease(transaction: Transaction, leased_until: datetime | None) -> None:
    """End the lease of a payment; one that ran out may belong to another process by now, and stays."""
    if leased_until is None or transaction.checking_until == leased_until:
        transaction.checking_until = None


def _move(transaction: Transaction, decision: Decision, give_up_after: timedelta) -> None:
    """Move the payment where the decision leads, if the lifecycle allows it."""
    if decision.status is Status.IN_PROGRESS and _waited_too_long(
        transaction, decision, give_up_after
    ):
        return
    status = decision.status
    if transaction.holds_movement and status in FINAL:
        status = (
            Status.TO_REVIEW
        )  # it was decided once and reopened: only a person decides it again
    if not allows(Cause.BANK_ANSWER, transaction.status, status):
        return
    if status is Status.COMPLETED and decision.movement:
        allocation.take(transaction, decision.movement.identity)
    move(transaction, status, Cause.BANK_ANSWER, SYSTEM, None, reasons=decision.reasons)


def _waited_too_long(
    transaction: Transaction, decision: Decision, give_up_after: timedelta
) -> bool:
    """Send a payment to a person that the bank does not show, or not as settled, for too long; False where it is not so.

    Called with an answer only, so that an outage of the bank never makes a payment unknown.
    """
    old = clock.now() - transaction.waiting_since > give_up_after
    if not old or transaction.status not in (Status.IN_PROGRESS, Status.UNKNOWN):
        return False
    hours = int(give_up_after.total_seconds() // 3600)
    if decision.movement is None:
        reasons = [matching.reason(ReasonCode.GAVE_UP, hours=hours)]
    else:
        word = decision.movement.word
        reasons = [matching.reason(ReasonCode.STILL_PENDING, hours=hours, word=word)]
    transaction.reasons = [dict(item) for item in reasons]
    if allows(Cause.GIVING_UP, transaction.status, Status.UNKNOWN):
        move(transaction, Status.UNKNOWN, Cause.GIVING_UP, SYSTEM, None, reasons=reasons)
    return True


def _keep_shown(transaction: Transaction, decision: Decision, answer: BankAnswer) -> None:
    """Keep what the bank shows beside what was declared, never over it.

    What a person is to decide about stays with an answer that shows no money, and a reason says so.
    """
    shown = [movements.as_json(movement) for movement in answer.movements if movement.is_credit]
    if transaction.status is Status.TO_REVIEW and transaction.shown_movements and not shown:
        _add_no_longer_shown(transaction)
    else:
        _replace_shown(transaction, decision, answer, shown[:MOST_SHOWN])


def _replace_shown(
    transaction: Transaction, decision: Decision, answer: BankAnswer, shown: list[dict[str, Any]]
) -> None:
    if not transaction.is_final:
        transaction.reasons = [dict(reason) for reason in decision.reasons]
    if answer.payload is not None:
        transaction.banesco_payload = dict(answer.payload)
    transaction.shown_movements = shown
    movement = decision.movement
    transaction.shown_movement = movement.identity[:120] if movement else None
    transaction.bank_reference = (movement.reference or "")[:50] or None if movement else None
    transaction.bank_amount = movement.amount if movement else None


def _add_no_longer_shown(transaction: Transaction) -> None:
    gone = dict(matching.reason(ReasonCode.NO_LONGER_SHOWN))
    if gone not in transaction.reasons:
        transaction.reasons = [*transaction.reasons, gone]


def _what_is_shown(transaction: Transaction) -> tuple[Any, ...]:
    return (transaction.reasons, transaction.shown_movements, transaction.shown_movement)
