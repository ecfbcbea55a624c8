"""What an answer of the bank does to a payment: it is weighed, kept beside what was declared, and followed."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from webapp import clock
from webapp.banking.gateway import BankAnswer
from webapp.extensions import db
from webapp.permissions import SYSTEM
from webapp.transactions import matching, queries, rules
from webapp.transactions.lifecycle import Cause, Status, allows
from webapp.transactions.matching import Decision, ReasonCode
from webapp.transactions.models import Transaction
from webapp.transactions.moves import move


def record_answer(
    *, row_id: uuid.UUID, version: int, answer: BankAnswer, give_up_after: timedelta
) -> Transaction:
    """Let an answer of the bank decide, if the payment is still the one that was asked about.

    A payment that does not appear for longer than `give_up_after` goes to a person. Raises NotFound
    where it was deleted meanwhile.
    """
    try:
        return _record_answer(row_id, version, answer, give_up_after)
    except IntegrityError:
        # Another payment took the movement in this very moment: weigh again, knowing that.
        db.session.rollback()
        return _record_answer(row_id, version, answer, give_up_after)


def _record_answer(
    row_id: uuid.UUID, version: int, answer: BankAnswer, give_up_after: timedelta
) -> Transaction:
    transaction = queries.locked(row_id)
    transaction.checking_until = None
    transaction.last_checked_at = clock.now()
    if transaction.version != version:
        transaction.next_check_at = None if transaction.is_final else clock.now()
        db.session.commit()
        return transaction
    held = queries.holders([m.identity for m in answer.movements], other_than=transaction)
    decision = matching.decide(
        transaction.as_claim(),
        answer.movements,
        {movement: holder.transaction_id for movement, holder in held.items()},
    )
    _keep_shown(transaction, decision, answer)
    _follow(transaction, decision, give_up_after)
    waiting = transaction.status is Status.IN_PROGRESS
    transaction.next_check_at = rules.next_check(transaction) if waiting else None
    db.session.commit()
    return transaction


def _follow(transaction: Transaction, decision: Decision, give_up_after: timedelta) -> None:
    """Move where the decision leads, if the lifecycle allows it."""
    if decision.status is Status.IN_PROGRESS and decision.movement is None:
        _give_up_if_old(transaction, give_up_after)
        return
    if not allows(Cause.BANK_ANSWER, transaction.status, decision.status):
        return
    if decision.status is Status.COMPLETED and decision.movement:
        transaction.matched_movement = decision.movement.identity
    if decision.status is Status.IN_PROGRESS:
        transaction.waiting_since = clock.now()
    move(transaction, decision.status, Cause.BANK_ANSWER, SYSTEM, None, reasons=decision.reasons)


def _give_up_if_old(transaction: Transaction, give_up_after: timedelta) -> None:
    """Only after an answer, so that an outage of the bank never makes a payment unknown."""
    if clock.now() - transaction.waiting_since <= give_up_after:
        return
    if allows(Cause.GIVING_UP, transaction.status, Status.UNKNOWN):
        hours = int(give_up_after.total_seconds() // 3600)
        reasons = [matching.reason(ReasonCode.GAVE_UP, hours=hours)]
        transaction.reasons = [dict(item) for item in reasons]
        move(transaction, Status.UNKNOWN, Cause.GIVING_UP, SYSTEM, None, reasons=reasons)


def _keep_shown(transaction: Transaction, decision: Decision, answer: BankAnswer) -> None:
    """Keep what the bank shows beside what was declared, never over it."""
    if not transaction.is_final:
        transaction.reasons = [dict(reason) for reason in decision.reasons]
    if answer.payload is not None:
        transaction.banesco_payload = dict(answer.payload)
    movement = decision.movement
    transaction.shown_movement = movement.identity[:120] if movement else None
    transaction.bank_reference = (movement.reference or "")[:50] or None if movement else None
    transaction.bank_amount = movement.amount if movement else None
