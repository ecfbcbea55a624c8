"""Figures of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import func, select

from webapp.kernel.database import db
from webapp.transactions.lifecycle import DECIDABLE, Status
from webapp.transactions.models import Transaction
from webapp.transactions.queries import waiting_since
from webapp.transactions.totals import queries as totals


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
    Only payments of this environment of the bank count: test payments never add to real money.
    """
    here = {"bank_environment": bank_environment}
    verified = totals.total({**here, "status": Status.COMPLETED}, from_day=day, to_day=day)
    open_counts = totals.payments_by("status", here)
    oldest = db.session.scalar(
        select(func.min(waiting_since())).where(
            Transaction.deleted_at.is_(None),
            Transaction.bank_environment == bank_environment,
            Transaction.status.in_(DECIDABLE),
        )
    )
    return Today(
        verified_amount=verified.arrived,
        verified_count=verified.payments,
        in_progress_count=open_counts.get(Status.IN_PROGRESS, 0),
        review_count=open_counts.get(Status.TO_REVIEW, 0),
        unknown_count=open_counts.get(Status.UNKNOWN, 0),
        oldest_review_at=oldest,
    )
