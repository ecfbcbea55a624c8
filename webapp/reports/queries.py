"""Figures of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, select

from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.transactions.lifecycle import DECIDABLE, Status
from webapp.transactions.models import Transaction
from webapp.transactions.queries import waiting_since


@dataclass(frozen=True)
class Today:
    """A day at a glance; amounts in bolívares, verified ones only."""

    verified_amount: Decimal
    verified_count: int
    in_progress_count: int
    review_count: int
    unknown_count: int
    oldest_review_at: datetime | None


def today(day: date, *, bank_environment: str) -> Today:
    """Return what was logged on a day in Caracas and is verified, and everything that still waits.

    The amounts are those that the bank showed, where it showed any, and not those that were declared.
    Only payments of this environment of the bank count: make-believe money never adds to real money.
    """
    alive = and_(Transaction.deleted_at.is_(None), Transaction.bank_environment == bank_environment)
    amount, count = _verified(day, alive)
    waiting = _waiting(alive)
    return Today(
        verified_amount=amount,
        verified_count=count,
        in_progress_count=waiting.get(Status.IN_PROGRESS, 0),
        review_count=waiting.get(Status.TO_REVIEW, 0),
        unknown_count=waiting.get(Status.UNKNOWN, 0),
        oldest_review_at=db.session.scalar(
            select(func.min(waiting_since())).where(alive, Transaction.status.in_(DECIDABLE))
        ),
    )


def _verified(day: date, alive: ColumnElement[bool]) -> tuple[Decimal, int]:
    """Return the amount and the number of the verified payments that were logged on a day."""
    arrived = func.coalesce(Transaction.bank_amount, Transaction.amount)
    row = db.session.execute(
        select(func.coalesce(func.sum(arrived), 0), func.count()).where(
            alive,
            Transaction.status == Status.COMPLETED,
            Transaction.created_at >= clock.start_of_day(day),
            Transaction.created_at < clock.end_of_day(day),
        )
    ).one()
    return Decimal(row[0] or 0), row[1]


def _waiting(alive: ColumnElement[bool]) -> dict[Status, int]:
    """Return how many payments there are in each status that is not final."""
    rows = db.session.execute(
        select(Transaction.status, func.count())
        .where(alive, Transaction.status.in_({Status.IN_PROGRESS, *DECIDABLE}))
        .group_by(Transaction.status)
    )
    # Row by row: dict() takes a result, which has keys, for a mapping, and tuples() is deprecated.
    return {row[0]: row[1] for row in rows}
