"""Figures of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import and_, func, select

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
    """What was logged on a day in Caracas and is verified, and everything that still waits.

    The amounts are those that the bank showed, where it showed any, and not those that were declared.
    Only payments of this environment of the bank count: make-believe money never adds to real money.
    """
    alive = and_(Transaction.deleted_at.is_(None), Transaction.bank_environment == bank_environment)
    of_the_day = (
        alive,
        Transaction.status == Status.COMPLETED,
        Transaction.created_at >= clock.start_of_day(day),
        Transaction.created_at < clock.end_of_day(day),
    )
    arrived = func.coalesce(Transaction.bank_amount, Transaction.amount)
    verified = db.session.execute(
        select(func.coalesce(func.sum(arrived), 0), func.count()).where(*of_the_day)
    ).one()
    open_rows = db.session.execute(
        select(Transaction.status, func.count())
        .where(alive, Transaction.status.in_({Status.IN_PROGRESS, *DECIDABLE}))
        .group_by(Transaction.status)
    )
    # Row by row: dict() takes a result, which has keys, for a mapping, and tuples() is deprecated.
    open_counts: dict[Status, int] = {row[0]: row[1] for row in open_rows}
    oldest = db.session.scalar(
        select(func.min(waiting_since())).where(alive, Transaction.status.in_(DECIDABLE))
    )
    return Today(
        verified_amount=Decimal(verified[0] or 0),
        verified_count=verified[1],
        in_progress_count=open_counts.get(Status.IN_PROGRESS, 0),
        review_count=open_counts.get(Status.TO_REVIEW, 0),
        unknown_count=open_counts.get(Status.UNKNOWN, 0),
        oldest_review_at=oldest,
    )
