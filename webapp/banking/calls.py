"""Every call to the bank is written down, and the limit counts what is written (DESIGN 3, 4)."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, text, update

from webapp.banking import availability
from webapp.banking.gateway import BankError, CallNotAllowed, CallRecord, Outcome
from webapp.banking.models import BankCall
from webapp.kernel.database import db
from webapp.kernel.metrics import BANESCO_API_CALLS

WINDOW = timedelta(seconds=60)
MARGIN = timedelta(seconds=2)
"""Added to the window: the bank counts arrivals, and its clock is not ours."""
UNCOUNTED = frozenset({"token", "certification_token"})
"""Operations that ask about no transaction."""


@dataclass(frozen=True)
class CallPolicy:
    """Where calls are filed, and how often the bank may be asked the same."""

    environment: str
    dialect: str
    limit: int
    """Calls in any 60 s about one transaction of the bank."""
    timeout: float
    """Seconds after which a call that was begun can no longer reach the bank."""

    def digest(self, subject: str) -> str:
        """Return what a gateway's subject is counted under: a SHA-256 in hex (`bank_calls.subject`)."""
        named = "\n".join((self.environment, self.dialect, subject))
        return hashlib.sha256(named.encode()).hexdigest()


class DatabaseCallLog:
    """Writes the calls about one subject, and those for tokens, into `bank_calls`.

    `subject` is the gateway's; `transaction_id` is the row of the payment that the calls are made for, if
    any. The log commits on its own, so it must be used with no unit of work open.
    """

    def __init__(
        self, policy: CallPolicy, subject: str, transaction_id: uuid.UUID | None = None
    ) -> None:
        self._policy = policy
        self._subject = policy.digest(subject)
        self._transaction_id = transaction_id

    @contextmanager
    def call(self, record: CallRecord) -> Iterator[CallRecord]:
        """Reserve the call, let it happen, and keep how it ended. Raises CallNotAllowed."""
        row_id = self._reserve(record)
        begun = time.monotonic()
        try:
            yield record
        except BankError as error:
            record.outcome, record.detail = error.outcome, error.detail
            raise
        except Exception as error:
            record.outcome, record.detail = Outcome.UNREADABLE, type(error).__name__
            raise
        finally:
            record.latency_ms = round((time.monotonic() - begun) * 1000)
            self._complete(row_id, record)

    def _reserve(self, record: CallRecord) -> uuid.UUID:
        counted = record.operation not in UNCOUNTED
        if counted:
            self._require_allowed()
        row = BankCall(
            id=uuid.uuid4(),
            transaction_id=self._transaction_id,
            subject=self._subject if counted else None,
            environment=record.environment or self._policy.environment,
            dialect=self._policy.dialect,
            operation=record.operation,
            request=dict(record.request),
            gives_up_at=func.clock_timestamp() + timedelta(seconds=self._policy.timeout),
        )
        db.session.add(row)
        db.session.commit()
        return row.id

    def _require_allowed(self) -> None:
        # Over all processes and machines, only one at a time counts and adds.
        for key in filter(None, (self._subject, self._transaction_id)):
            db.session.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 7))"),
                {"key": f"bank-calls:{key}"},
            )
        allowed_at = next_allowed_at(self._subject, self._transaction_id, limit=self._policy.limit)
        if allowed_at is not None:
            db.session.rollback()
            raise CallNotAllowed(allowed_at)

    def _complete(self, row_id: uuid.UUID, record: CallRecord) -> None:
        outcome = record.outcome or Outcome.UNREADABLE
        db.session.execute(
            update(BankCall)
            .where(BankCall.id == row_id)
            .values(
                completed_at=func.clock_timestamp(),
                outcome=outcome.value,
                http_status=record.http_status,
                bank_code=record.bank_code,
                detail=(record.detail or "")[:200] or None,
                response=record.response,
                latency_ms=record.latency_ms,
                digest=record.digest,
            )
        )
        availability.note_outcome(record.environment or self._policy.environment, outcome)
        db.session.commit()
        BANESCO_API_CALLS.labels(outcome.value, record.operation).inc()


def next_allowed_at(
    subject: str, transaction_id: uuid.UUID | None = None, *, limit: int
) -> datetime | None:
    """Return when the next call about this subject (a policy's digest) may be made; None means now.

    Calls for the same payment count as well, whatever was declared of it at the time. A call may have
    reached the bank at any moment until it was completed, so it counts from then.
    """
    last_possible_arrival = func.coalesce(BankCall.completed_at, BankCall.gives_up_at)
    counted = BankCall.subject == subject
    if transaction_id is not None:
        of_payment = and_(BankCall.transaction_id == transaction_id, BankCall.subject.is_not(None))
        counted = or_(counted, of_payment)
    counting = (
        select(last_possible_arrival + WINDOW + MARGIN)
        .where(
            counted,
            BankCall.requested_at > func.clock_timestamp() - timedelta(minutes=10),
            last_possible_arrival > func.clock_timestamp() - WINDOW - MARGIN,
        )
        .order_by(last_possible_arrival.desc())
        .offset(limit - 1)
        .limit(1)
    )
    return db.session.scalar(counting)
