"""Asking the bank about one payment: claim it, ask with no unit of work open, record the answer (DESIGN 4)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from webapp.banking import availability
from webapp.banking.connection import BankConnection
from webapp.banking.gateway import BankError, CallNotAllowed, ClaimIncomplete, Outcome
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import NotFound
from webapp.transactions import bank_answers, queries, rules
from webapp.transactions.lifecycle import CHECKABLE, Status
from webapp.transactions.models import Transaction

INCOMPLETE_AGAIN = timedelta(hours=1)
"""When a payment that cannot be asked about is looked at again, should nobody complete it."""

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
class Asked:
    """A payment that this process alone may ask about for now."""

    row_id: uuid.UUID
    version: int
    until: datetime
    """When the right to ask ends by itself; it also tells this claim from a later one."""


def check(
    row_id: uuid.UUID, *, bank: BankConnection, patient: bool = False, probe: bool = False
) -> CheckResult:
    """Ask the bank about a payment now, if the limit allows it.

    `patient`: the worker's way, with repeats and all the time the settings give. `probe`: ask even
    while the bank is taken to be down.
    """
    claimed = claim(row_id, lease=_lease(bank))
    if isinstance(claimed, CheckResult):
        return claimed
    return ask(claimed, bank=bank, patient=patient, probe=probe)


def claim(row_id: uuid.UUID, *, lease: timedelta) -> Asked | CheckResult:
    """Take the right to ask about one payment, until it is given back or the lease ends."""
    transaction = queries.locked(row_id)
    now = clock.now()
    if transaction.status not in CHECKABLE:
        db.session.rollback()
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    if transaction.checking_until and transaction.checking_until > now:
        db.session.rollback()
        return CheckResult(CheckOutcome.BUSY)
    return _take(transaction, now, lease)


def claim_due(*, lease: timedelta, bank_environment: str) -> Asked | None:
    """Take the payment of this environment that is longest overdue and that no other worker is taking."""
    now = clock.now()
    due = queries.due(now, bank_environment=bank_environment)
    transaction = db.session.scalar(due.limit(1).with_for_update(skip_locked=True))
    if transaction is None:
        db.session.rollback()
        return None
    return _take(transaction, now, lease)


def _take(transaction: Transaction, now: datetime, lease: timedelta) -> Asked:
    until = now + lease
    asked = Asked(transaction.id, transaction.version, until)
    transaction.checking_until = until
    db.session.commit()
    return asked


def ask(asked: Asked, *, bank: BankConnection, patient: bool, probe: bool) -> CheckResult:
    """Ask about a payment that was claimed, and give the claim back whatever happens."""
    try:
        return _ask(asked, bank, patient=patient, probe=probe)
    except CallNotAllowed as limit:
        _put_back(asked, limit.allowed_at)
        return CheckResult(CheckOutcome.WAIT, limit.allowed_at)
    except BankError as error:
        log.warning("bank_silent", kind=type(error).__name__, detail=error.detail)
        return _later(asked, bank, error)
    except ClaimIncomplete:
        _put_back(asked, clock.now() + INCOMPLETE_AGAIN)
        return CheckResult(CheckOutcome.INCOMPLETE)
    except NotFound:
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    except Exception as mistake:
        _later(asked, bank, mistake)
        raise


def _ask(asked: Asked, bank: BankConnection, *, patient: bool, probe: bool) -> CheckResult:
    transaction = queries.by_id(asked.row_id)
    if transaction.bank_environment != bank.policy.environment:
        # A make-believe payment is never asked about at the real bank; it stays due at its own.
        _put_back(asked, transaction.next_check_at)
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    claim_ = transaction.as_claim()
    if not probe and not availability.may_ask(bank.policy.environment):
        return _postponed(asked, clock.now() + availability.PROBE_EVERY)
    db.session.rollback()  # no unit of work stays open while we talk to the bank
    answer = bank.gateway.ask(
        claim_,
        calls=bank.call_log(claim_, asked.row_id),
        seconds=bank.worker_seconds if patient else bank.interactive_seconds,
        attempts=min(3, bank.policy.limit) if patient else 1,
    )
    bank_answers.record_answer(
        row_id=asked.row_id,
        version=asked.version,
        answer=answer,
        give_up_after=bank.give_up_after,
        claimed_until=asked.until,
        quiet=bank.is_quiet(clock.now()),
    )
    return CheckResult(CheckOutcome.ANSWERED)


def _later(asked: Asked, bank: BankConnection, why: Exception) -> CheckResult:
    """The bank said nothing: ask again later, and change nothing else."""
    db.session.rollback()
    now = clock.now()
    retry_after = why.retry_after if isinstance(why, BankError) else None
    if retry_after is not None:
        next_at = now + timedelta(seconds=max(retry_after, 1))
        return _postponed(asked, next_at, _silence(why))
    try:
        transaction = queries.by_id(asked.row_id)
    except NotFound:
        return CheckResult(CheckOutcome.NOT_CHECKABLE)
    silent = isinstance(why, BankError) and why.can_repeat
    next_at = rules.next_check(transaction, now, quiet=bank.is_quiet(now), silent=silent)
    allowed_at = bank.next_allowed_at(transaction.as_claim(), transaction.id)
    return _postponed(asked, max(next_at, allowed_at or next_at), _silence(why))


def _silence(why: Exception) -> Outcome:
    return why.outcome if isinstance(why, BankError) else Outcome.UNREADABLE


def _postponed(
    asked: Asked, next_at: datetime, silence: Outcome = Outcome.UNAVAILABLE
) -> CheckResult:
    _put_back(asked, next_at)
    return CheckResult(CheckOutcome.BANK_SILENT, next_at, silence)


def _put_back(asked: Asked, next_at: datetime | None) -> None:
    """Give the claim back; a payment in process is due again at `next_at`."""
    db.session.rollback()
    try:
        transaction = queries.locked(asked.row_id)
    except NotFound:
        db.session.rollback()
        return
    bank_answers.give_back(transaction, asked.until)
    if transaction.status is Status.IN_PROGRESS:
        transaction.next_check_at = next_at
    db.session.commit()


def _lease(bank: BankConnection) -> timedelta:
    """Longer than asking can take, so that a claim ends by itself only after a death."""
    return timedelta(seconds=bank.worker_seconds + 15)


def check_due(*, bank: BankConnection) -> bool:
    """Ask about the payment that is longest overdue; False where nothing is due or may be asked.

    While the bank is taken to be down nothing is even claimed, but for a probe now and then.
    """
    if not availability.may_ask(bank.policy.environment):
        return False
    asked = claim_due(lease=_lease(bank), bank_environment=bank.policy.environment)
    if asked is None:
        return False
    ask(asked, bank=bank, patient=True, probe=True)
    return True


def waiting_seconds(transaction: Transaction, *, bank: BankConnection) -> int:
    """Seconds until a person may ask about this payment again; 0 where it may be asked now."""
    allowed_at = bank.next_allowed_at(transaction.as_claim(), transaction.id)
    if allowed_at is None:
        return 0
    return max(int((allowed_at - clock.now()).total_seconds()) + 1, 0)
