"""A circuit breaker for the bank that all processes share through one row.

After THRESHOLD calls in a row without an answer the circuit is open: one probe goes out every PROBE_EVERY.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from webapp.banking.gateway import Outcome
from webapp.banking.models import BankHealth
from webapp.kernel.database import db

THRESHOLD = 5
PROBE_EVERY = timedelta(seconds=15)
ANSWERS = frozenset({Outcome.FOUND, Outcome.NOT_FOUND})


@dataclass(frozen=True)
class Health:
    """Whether the bank is answering, for the pages."""

    up: bool
    since: datetime | None
    """When it stopped answering, or where it is up, when it last answered."""


def note_outcome(environment: str, outcome: Outcome) -> None:
    """Count how a call ended; the caller commits."""
    if outcome in ANSWERS:
        answered: dict[str, object] = {"failures": 0, "answered_at": func.clock_timestamp()}
        _write(environment, {**answered, "failing_since": None, "next_probe_at": None}, answered)
    elif outcome is Outcome.UNAVAILABLE:
        now = func.clock_timestamp()
        _write(
            environment,
            {
                "failures": BankHealth.failures + 1,
                "failing_since": func.coalesce(BankHealth.failing_since, now),
                "next_probe_at": now + PROBE_EVERY,
            },
            {"failures": 1, "failing_since": now, "next_probe_at": now + PROBE_EVERY},
        )


def _write(environment: str, change: dict[str, object], first: dict[str, object]) -> None:
    db.session.execute(
        insert(BankHealth)
        .values(environment=environment, **first)
        .on_conflict_do_update(index_elements=["environment"], set_=change)
    )


def may_ask(environment: str) -> bool:
    """Return whether a call may go out: the circuit is closed, or this is its probe. Commits the probe's turn."""
    row = db.session.get(BankHealth, environment, populate_existing=True)
    if row is None or row.failures < THRESHOLD:
        db.session.rollback()
        return True
    turn = db.session.execute(
        update(BankHealth)
        .where(
            BankHealth.environment == environment,
            or_(
                BankHealth.next_probe_at.is_(None),
                BankHealth.next_probe_at <= func.clock_timestamp(),
            ),
        )
        .values(next_probe_at=func.clock_timestamp() + PROBE_EVERY)
        .returning(BankHealth.environment)
    ).first()
    db.session.commit()
    return turn is not None


def current(environment: str) -> Health:
    """Return whether the bank is answering."""
    row = db.session.execute(
        select(BankHealth.failures, BankHealth.failing_since, BankHealth.answered_at).where(
            BankHealth.environment == environment
        )
    ).first()
    if row is None:
        return Health(up=True, since=None)
    down = row.failures >= THRESHOLD
    return Health(up=not down, since=row.failing_since if down else row.answered_at)
