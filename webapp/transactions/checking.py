"""Ask the bank about one payment: lease it, ask with no unit of work open, record the answer (DESIGN 4).

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

OUTAGE_REMEMBERED = 1.0
"""For so many seconds a process does not look again whether the bank is down, for payments that were just logged."""


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
    """How an attempt to ask ended, and from when on it makes sense to ask again."""

    outcome: CheckOutcome
    next_at: datetime | None = None
    silence: Outcome = Outcome.UNAVAILABLE
    """What kept the bank from answering, where the outcome is BANK_SILENT."""


@dataclass(frozen=True)
class Lease:
    """The right of one process to ask about a payment for now, with what was read of it."""

    row_id: uuid.UUID
    version: int
    claim: Claim
    waiting_since: datetime
    until: datetime
    """When the lease ends by itself; it also tells this lease from a later one."""


def check(
    row_id: uuid.UUID, *, bank: BankConnection, patient: bool = False, probe: bool = False
) -> CheckResult:
    """Ask the bank about a payment now, if the limit allows it.

    `patient`: the worker's way, with repeats and all the time the settings give. `probe`: ask even
    while the bank is taken to be down. Raises NotFound for a deleted payment.
    """
    lease = take_lease(row_id, lasting=_lease_time(bank), bank_environment=bank.policy.environment)
    if isinstance(lease, CheckResult):
        return lease
    return ask(lease, bank=bank, patient=patient, probe=probe)


def check_unless_down(row_id: uuid.UUID, *, bank: BankConnection) -> CheckResult:
    """Ask as `check` does, but leave the payment to the worker, untouched, while the bank is taken to be down."""
    if not availability.may_ask(bank.policy.environment):
        bank.pace.pause(OUTAGE_REMEMBERED)
        return CheckResult(CheckOutcome.BANK_SILENT)
    return check(row_id, bank=bank, probe=True)


def take_lease(
    row_id: uuid.UUID, *, lasting: timedelta, bank_environment: str
) -> Lease | CheckResult:
    """Take the lease of one payment of this environment, until it is ended or its time runs out.

    A test payment is never asked about at the real bank, nor a real payment at the test bank.
    """
    transaction = queries.locked(row_id)
    now = clock.now()
    if transaction.status not in CHECKABLE or transaction.bank_environment != bank_environment:
        db.session.rollback()
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    if transaction.checking_until and transaction.checking_until > now:
        db.session.rollback()
        return CheckResult(CheckOutcome.BUSY)
    return _leased(transaction, now + lasting)


def take_due_lease(*, lasting: timedelta, bank_environment: str) -> Lease | None:
    """Take the lease of the payment of this environment that is longest overdue and that no other worker is taking."""
    now = clock.now()
    due = queries.due(now, bank_environment=bank_environment)
    transaction = db.session.scalar(due.limit(1).with_for_update(skip_locked=True))
    if transaction is None:
        db.session.rollback()
        return None
    return _leased(transaction, now + lasting)


def _leased(transaction: Transaction, until: datetime) -> Lease:
    lease = Lease(
        row_id=transaction.id,
        version=transaction.version,
        claim=transaction.as_claim(),
        waiting_since=transaction.waiting_since,
        until=until,
    )
    transaction.checking_until = until
    db.session.commit()  # no unit of work stays open while we talk to the bank
    return lease


def ask(lease: Lease, *, bank: BankConnection, patient: bool, probe: bool) -> CheckResult:
    """Ask about a leased payment, and end the lease also where asking fails."""
    try:
        if not probe and not availability.may_ask(bank.policy.environment):
            return _postponed(lease, clock.now() + availability.PROBE_EVERY)
        db.session.rollback()
        return _ask(lease, bank, patient=patient)
    except CallNotAllowed as limit:
        _end(lease, limit.allowed_at)
        return CheckResult(CheckOutcome.WAIT, limit.allowed_at)
    except BankError as error:
        log.warning("bank_silent", kind=type(error).__name__, detail=error.detail)
        return _later(lease, bank, error)
    except ClaimIncomplete:
        _end(lease, clock.now() + check_schedule.INCOMPLETE_SPACING)
        return CheckResult(CheckOutcome.INCOMPLETE)
    except NotFound:
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    except Exception as mistake:
        _later(lease, bank, mistake)
        raise


def _ask(lease: Lease, bank: BankConnection, *, patient: bool) -> CheckResult:
    answer = bank.gateway.ask(
        lease.claim,
        calls=bank.call_log(lease.claim, lease.row_id),
        seconds=bank.worker_seconds if patient else bank.interactive_seconds,
        attempts=min(3, bank.policy.limit) if patient else 1,
    )
    bank_answers.record_answer(
        row_id=lease.row_id,
        version=lease.version,
        answer=answer,
        give_up_after=bank.give_up_after,
        leased_until=lease.until,
        quiet=bank.is_quiet(clock.now()),
    )
    return CheckResult(CheckOutcome.ANSWERED)


def _later(lease: Lease, bank: BankConnection, why: Exception) -> CheckResult:
    """Ask again later, because the bank said nothing; change nothing else."""
    db.session.rollback()
    now = clock.now()
    silence = why.outcome if isinstance(why, BankError) else Outcome.UNREADABLE
    retry_after = why.retry_after if isinstance(why, BankError) else None
    if retry_after is not None:
        return _postponed(lease, now + timedelta(seconds=max(retry_after, 1)), silence)
    silent = isinstance(why, BankError) and why.can_repeat
    next_at = check_schedule.next_check(
        lease.waiting_since, now, quiet=bank.is_quiet(now), silent=silent
    )
    allowed_at = bank.next_allowed_at(lease.claim, lease.row_id)
    return _postponed(lease, max(next_at, allowed_at or next_at), silence)


def _postponed(
    lease: Lease, next_at: datetime, silence: Outcome = Outcome.UNAVAILABLE
) -> CheckResult:
    if not _end(lease, next_at):
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    return CheckResult(CheckOutcome.BANK_SILENT, next_at, silence)


def _end(lease: Lease, next_at: datetime) -> bool:
    """End the lease; a payment in process is due again at `next_at`. False where it was deleted."""
    db.session.rollback()
    try:
        transaction = queries.locked(lease.row_id)
    except NotFound:
        db.session.rollback()
        return False
    bank_answers.end_lease(transaction, lease.until)
    if transaction.status is Status.IN_PROGRESS:
        transaction.next_check_at = next_at
    db.session.commit()
    return True


def _lease_time(bank: BankConnection) -> timedelta:
    """Return more time than asking can take, so that a lease runs out only after its process died."""
    return timedelta(seconds=bank.worker_seconds + 15)


def check_due(*, bank: BankConnection) -> bool:
    """Ask about the payment that is longest overdue; False where nothing is due or may be asked.

    While the bank is taken to be down, no payment is leased but for a probe now and then.
    """
    if not availability.may_ask(bank.policy.environment):
        return False
    lease = take_due_lease(lasting=_lease_time(bank), bank_environment=bank.policy.environment)
    if lease is None:
        return False
    ask(lease, bank=bank, patient=True, probe=True)
    return True


def waiting_seconds(transaction: Transaction, *, bank: BankConnection) -> int:
    """Return the seconds until a person may ask about this payment again; 0 where it may be asked now."""
    allowed_at = bank.next_allowed_at(transaction.as_claim(), transaction.id)
    if allowed_at is None:
        return 0
    return max(int((allowed_at - clock.now()).total_seconds()) + 1, 0)
