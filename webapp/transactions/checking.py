"""Ask the bank about one payment: reserve it, ask with no unit of work open, record the answer (DESIGN 4).

The row is read once before the bank is asked, and once after.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from webapp.banking import availability
from webapp.banking.connection import BankConnection
from webapp.banking.gateway import BankError, CallNotAllowed, Claim, ClaimIncomplete, Outcome
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import NotFound
from webapp.transactions import bank_answers, check_schedule, queries
from webapp.transactions.lifecycle import CHECKABLE, Status
from webapp.transactions.models import Transaction

log = structlog.get_logger(__name__)


class CheckOutcome(StrEnum):
    """How an attempt to ask ended."""

    ANSWERED = "answered"
    WAIT = "wait"
    """The limit of calls is reached; the worker asks as soon as it may."""
    BUSY = "busy"
    """Somebody is asking about this payment right now."""
    BANK_SILENT = "bank_silent"
    """The bank did not answer, which says nothing about the payment."""
    NOT_CHECKABLE = "not_checkable"
    INCOMPLETE = "incomplete"
    """The payment lacks what the bank needs to find it."""


@dataclass(frozen=True)
class CheckResult:
    """How it ended, and from when on it makes sense to ask again."""

    outcome: CheckOutcome
    next_at: datetime | None = None
    silence: Outcome = Outcome.UNAVAILABLE
    """Where the bank was silent: whose fault that was."""


@dataclass(frozen=True)
class Reservation:
    """A payment that this process alone may ask about for now, as it was read when it was reserved."""

    row_id: uuid.UUID
    version: int
    claim: Claim
    waiting_since: datetime
    until: datetime
    """When the reservation ends by itself; it also tells this one from a later one."""


def check(
    row_id: uuid.UUID, *, bank: BankConnection, patient: bool = False, probe: bool = False
) -> CheckResult:
    """Ask the bank about a payment now, if the limit allows it.

    `patient`: the worker's way, with repeats and all the time the settings give. `probe`: ask even
    while the bank is taken to be down. Raises NotFound for a deleted payment.
    """
    reserved = reserve(row_id, lease=_lease(bank), bank_environment=bank.policy.environment)
    if isinstance(reserved, CheckResult):
        return reserved
    return ask(reserved, bank=bank, patient=patient, probe=probe)


def reserve(
    row_id: uuid.UUID, *, lease: timedelta, bank_environment: str
) -> Reservation | CheckResult:
    """Reserve one payment of this environment, until the reservation is ended or the lease runs out.

    A make-believe payment is never asked about at the real bank, nor a real one at the other.
    """
    transaction = queries.locked(row_id)
    now = clock.now()
    if transaction.status not in CHECKABLE or transaction.bank_environment != bank_environment:
        db.session.rollback()
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    if transaction.checking_until and transaction.checking_until > now:
        db.session.rollback()
        return CheckResult(CheckOutcome.BUSY)
    return _reserved(transaction, now + lease)


def reserve_due(*, lease: timedelta, bank_environment: str) -> Reservation | None:
    """Reserve the payment of this environment that is longest overdue and that no other worker is taking."""
    now = clock.now()
    due = queries.due(now, bank_environment=bank_environment)
    transaction = db.session.scalar(due.limit(1).with_for_update(skip_locked=True))
    if transaction is None:
        db.session.rollback()
        return None
    return _reserved(transaction, now + lease)


def _reserved(transaction: Transaction, until: datetime) -> Reservation:
    reservation = Reservation(
        row_id=transaction.id,
        version=transaction.version,
        claim=transaction.as_claim(),
        waiting_since=transaction.waiting_since,
        until=until,
    )
    transaction.checking_until = until
    db.session.commit()  # no unit of work stays open while we talk to the bank
    return reservation


def ask(
    reservation: Reservation, *, bank: BankConnection, patient: bool, probe: bool
) -> CheckResult:
    """Ask about a payment that was reserved, and end the reservation whatever happens."""
    try:
        if not probe and not availability.may_ask(bank.policy.environment):
            return _postponed(reservation, clock.now() + availability.PROBE_EVERY)
        db.session.rollback()
        return _ask(reservation, bank, patient=patient)
    except CallNotAllowed as limit:
        _end(reservation, limit.allowed_at)
        return CheckResult(CheckOutcome.WAIT, limit.allowed_at)
    except BankError as error:
        log.warning("bank_silent", kind=type(error).__name__, detail=error.detail)
        return _later(reservation, bank, error)
    except ClaimIncomplete:
        _end(reservation, clock.now() + check_schedule.INCOMPLETE_SPACING)
        return CheckResult(CheckOutcome.INCOMPLETE)
    except NotFound:
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    except Exception as mistake:
        _later(reservation, bank, mistake)
        raise


def _ask(reservation: Reservation, bank: BankConnection, *, patient: bool) -> CheckResult:
    answer = bank.gateway.ask(
        reservation.claim,
        calls=bank.call_log(reservation.claim, reservation.row_id),
        seconds=bank.worker_seconds if patient else bank.interactive_seconds,
        attempts=min(3, bank.policy.limit) if patient else 1,
    )
    bank_answers.record_answer(
        row_id=reservation.row_id,
        version=reservation.version,
        answer=answer,
        give_up_after=bank.give_up_after,
        reserved_until=reservation.until,
        quiet=bank.is_quiet(clock.now()),
    )
    return CheckResult(CheckOutcome.ANSWERED)


def _later(reservation: Reservation, bank: BankConnection, why: Exception) -> CheckResult:
    """Ask again later, because the bank said nothing; change nothing else."""
    db.session.rollback()
    now = clock.now()
    silence = why.outcome if isinstance(why, BankError) else Outcome.UNREADABLE
    retry_after = why.retry_after if isinstance(why, BankError) else None
    if retry_after is not None:
        return _postponed(reservation, now + timedelta(seconds=max(retry_after, 1)), silence)
    silent = isinstance(why, BankError) and why.can_repeat
    next_at = check_schedule.next_check(
        reservation.waiting_since, now, quiet=bank.is_quiet(now), silent=silent
    )
    allowed_at = bank.next_allowed_at(reservation.claim, reservation.row_id)
    return _postponed(reservation, max(next_at, allowed_at or next_at), silence)


def _postponed(
    reservation: Reservation, next_at: datetime, silence: Outcome = Outcome.UNAVAILABLE
) -> CheckResult:
    if not _end(reservation, next_at):
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    return CheckResult(CheckOutcome.BANK_SILENT, next_at, silence)


def _end(reservation: Reservation, next_at: datetime) -> bool:
    """End the reservation; a payment in process is due again at `next_at`. False where it was deleted."""
    db.session.rollback()
    try:
        transaction = queries.locked(reservation.row_id)
    except NotFound:
        db.session.rollback()
        return False
    bank_answers.end_reservation(transaction, reservation.until)
    if transaction.status is Status.IN_PROGRESS:
        transaction.next_check_at = next_at
    db.session.commit()
    return True


def _lease(bank: BankConnection) -> timedelta:
    """Return more time than asking can take, so that a reservation runs out only after a death."""
    return timedelta(seconds=bank.worker_seconds + 15)


def check_due(*, bank: BankConnection) -> bool:
    """Ask about the payment that is longest overdue; False where nothing is due or may be asked.

    While the bank is taken to be down nothing is even reserved, but for a probe now and then.
    """
    if not availability.may_ask(bank.policy.environment):
        return False
    reservation = reserve_due(lease=_lease(bank), bank_environment=bank.policy.environment)
    if reservation is None:
        return False
    ask(reservation, bank=bank, patient=True, probe=True)
    return True


def waiting_seconds(transaction: Transaction, *, bank: BankConnection) -> int:
    """Return the seconds until a person may ask about this payment again; 0 where it may be asked now."""
    allowed_at = bank.next_allowed_at(transaction.as_claim(), transaction.id)
    if allowed_at is None:
        return 0
    return max(int((allowed_at - clock.now()).total_seconds()) + 1, 0)
