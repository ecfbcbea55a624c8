"""Totals of payments, and the place of a row far down a list, by what is kept of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, false, func, or_, select, union_all

from webapp.kernel.database import db
from webapp.transactions.totals.models import TransactionTotal, TransactionTotalChange
from webapp.transactions.totals.periods import Grain, Stretch, stretches

DIMENSIONS = ("bank_environment", "status", "bank", "transaction_type", "created_by")
SUMS = ("payments", "declared", "arrived")
Kept = type[TransactionTotal] | type[TransactionTotalChange]


@dataclass(frozen=True)
class Total:
    """So many payments, with what was declared and what arrived of them, in bolívares."""

    payments: int
    declared: Decimal
    arrived: Decimal


@dataclass(frozen=True)
class Spot:
    """A row of a list, newest first: the row number `offset` (from 0) of those logged on `day` or before."""

    day: date
    offset: int


def total(
    dimensions: Mapping[str, Any], *, from_day: date | None = None, to_day: date | None = None
) -> Total:
    """Add up the payments that have these dimensions and were logged on these days (Caracas, both included)."""
    given = tuple(
        (name, tuple(value) if isinstance(value, list | set) else value)
        for name, value in dimensions.items()
    )
    row: Sequence[Any] = db.read(_sums(given, from_day, to_day)).one()
    return Total(int(row[0]), Decimal(row[1]), Decimal(row[2]))


@lru_cache(maxsize=200)
def _sums(
    dimensions: tuple[tuple[str, Any], ...], from_day: date | None, to_day: date | None
) -> Select[Any]:
    """Build the statement of a total; most requests are for the same few."""
    kept = _kept(SUMS, dict(dimensions), from_day, to_day)
    return select(*(func.coalesce(func.sum(kept.c[name]), 0) for name in SUMS))


def payments_by(dimension: str, dimensions: Mapping[str, Any]) -> dict[Any, int]:
    """Count the payments that have these dimensions, by the values of one dimension."""
    kept = _kept((dimension, "payments"), dimensions, None, None)
    value = kept.c[dimension]
    rows = db.session.execute(select(value, func.sum(kept.c.payments)).group_by(value))
    return {row[0]: int(row[1]) for row in rows}


def _kept(
    columns: Sequence[str],
    dimensions: Mapping[str, Any],
    from_day: date | None,
    to_day: date | None,
) -> Subquery:
    """What was folded and what was not yet, read at the same instant."""
    folded = select(*(getattr(TransactionTotal, name) for name in columns)).where(
        _within(stretches(from_day, to_day)), *_having(TransactionTotal, dimensions)
    )
    fresh = select(*(getattr(TransactionTotalChange, name) for name in columns)).where(
        *_days(from_day, to_day), *_having(TransactionTotalChange, dimensions)
    )
    return union_all(folded, fresh).subquery()


def spot(
    dimensions: Mapping[str, Any],
    offset: int,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
) -> Spot | None:
    """Find the day on which the row at `offset` (from 0, newest first) was logged; None behind the last row."""
    for grain in (Grain.YEAR, Grain.MONTH, Grain.DAY):
        found = _period_of(dimensions, offset, grain, from_day, to_day)
        if found is None:
            return None
        first, offset = found
        from_day = max(from_day or first, first)
        to_day = min(to_day or _last_of(first, grain), _last_of(first, grain))
    return Spot(to_day or date.max, offset)


def _period_of(
    dimensions: Mapping[str, Any],
    offset: int,
    grain: Grain,
    from_day: date | None,
    to_day: date | None,
) -> tuple[date, int] | None:
    """Return the first day of the period that holds the row, and the row's number within that period."""
    begins = {Grain.YEAR: "year", Grain.MONTH: "month", Grain.DAY: "day"}[grain]
    parts = stretches(from_day, to_day, longest=grain)
    folded = select(
        func.date_trunc(begins, TransactionTotal.period).label("begin"), TransactionTotal.payments
    ).where(_within(parts), *_having(TransactionTotal, dimensions))
    fresh = select(
        func.date_trunc(begins, TransactionTotalChange.day).label("begin"),
        TransactionTotalChange.payments,
    ).where(*_days(from_day, to_day), *_having(TransactionTotalChange, dimensions))
    kept = union_all(folded, fresh).subquery()
    periods = db.session.execute(
        select(kept.c.begin, func.sum(kept.c.payments))
        .group_by(kept.c.begin)
        .order_by(kept.c.begin.desc())
    )
    for begin, payments in periods:
        if offset < payments:
            return begin.date(), offset
        offset -= int(payments)
    return None


def _last_of(first: date, grain: Grain) -> date:
    if grain is Grain.YEAR:
        return date(first.year, 12, 31)
    if grain is Grain.MONTH:
        return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first


def _within(parts: list[Stretch]) -> ColumnElement[bool]:
    return or_(
        false(),
        *(
            and_(
                TransactionTotal.grain == part.grain.value,
                TransactionTotal.period.between(part.first, part.last),
            )
            for part in parts
        ),
    )


def _days(from_day: date | None, to_day: date | None) -> list[ColumnElement[bool]]:
    day = TransactionTotalChange.day
    return [*([day >= from_day] if from_day else []), *([day <= to_day] if to_day else [])]


def _having(kept: Kept, dimensions: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Narrow to the dimensions; a collection of values means any of them."""
    conditions: list[ColumnElement[bool]] = []
    for name, value in dimensions.items():
        if name not in DIMENSIONS:
            raise KeyError(name)
        column = getattr(kept, name)
        several = isinstance(value, list | tuple | set | frozenset)
        conditions.append(column.in_(value) if several else column == value)
    return conditions


def creator(user_id: uuid.UUID | None) -> uuid.UUID:
    """Return the value of `created_by` under which a creator's payments are counted."""
    return user_id or uuid.UUID(int=0)
