"""Totals of payments by what is kept of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Select,
    Subquery,
    and_,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    union,
    union_all,
)

from webapp.banking.gateway import BankType, TransactionType
from webapp.kernel.database import db
from webapp.transactions.lifecycle import Status
from webapp.transactions.totals.models import (
    TransactionName,
    TransactionNameMonth,
    TransactionNameTotal,
    TransactionSum,
    TransactionTotal,
    TransactionTotalChange,
)
from webapp.transactions.totals.periods import FIRST, LAST, Grain, Stretch, stretches

DIMENSIONS = ("bank_environment", "status", "bank", "transaction_type", "created_by")
SUMS = ("payments", "declared", "arrived")
Folded = type[TransactionTotal] | type[TransactionSum]
Kept = Folded | type[TransactionNameTotal] | type[TransactionTotalChange]
_EVERY = {
    "status": tuple(Status),
    "transaction_type": tuple(TransactionType),
    "bank": tuple(BankType),
    "bank_environment": ("qa", "production"),
}
"""All values of the columns that stand before the period in the index: named, they make a span of days one stretch of it."""


@dataclass(frozen=True)
class Total:
    """So many payments, with what was declared and what arrived of them, in bolívares."""

    payments: int
    declared: Decimal
    arrived: Decimal


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
    table = _table_for({*columns, *dimensions})
    every = _EVERY if from_day or to_day else {}
    folded = select(*(getattr(table, name) for name in columns)).where(
        _within(table, stretches(from_day, to_day)), *_having(table, {**every, **dimensions})
    )
    fresh = select(*(getattr(TransactionTotalChange, name) for name in columns)).where(
        *_days(from_day, to_day), *_having(TransactionTotalChange, dimensions)
    )
    return union_all(folded, fresh).subquery()


def _table_for(names: Set[str]) -> Folded:
    """Return where these dimensions are kept: over all creators, unless the creator is one of them."""
    return TransactionTotal if "created_by" in names else TransactionSum


def shortest(dimensions: Mapping[str, Any]) -> int:
    """Return about how many payments have the rarest of these dimensions by itself: folded ones only."""
    totals = []
    for name in dimensions.keys() - {"bank", "bank_environment"}:  # no index leads with these
        table = _table_for({name})
        one = select(func.coalesce(func.sum(table.payments), 0)).where(
            table.grain == Grain.ALL.value, *_having(table, {name: dimensions[name]})
        )
        totals.append(one.scalar_subquery())
    return int(db.session.scalar(select(func.least(*totals))) or 0) if totals else 0


def days_of(
    dimensions: Mapping[str, Any], *, from_day: date | None = None, to_day: date | None = None
) -> list[tuple[date, int]]:
    """Return the days that have payments with these dimensions, the newest first, and how many each has.

    Meant for combinations that few payments have: it reads a row for each of their days.
    """
    table = _table_for(dimensions.keys())
    folded = select(table.period.label("day"), table.payments).where(
        table.grain == Grain.DAY.value,
        table.period.between(from_day or FIRST, to_day or LAST),
        *_having(table, {**_EVERY, **dimensions}),
    )
    fresh = select(TransactionTotalChange.day, TransactionTotalChange.payments).where(
        *_days(from_day, to_day), *_having(TransactionTotalChange, dimensions)
    )
    kept = union_all(folded, fresh).subquery()
    payments = func.sum(kept.c.payments)
    rows = db.session.execute(
        select(kept.c.day, payments)
        .group_by(kept.c.day)
        .having(payments > 0)
        .order_by(kept.c.day.desc())
    )
    return [(row[0], int(row[1])) for row in rows]


def creators() -> CompoundSelect[Any]:
    """Select who logged payments: the index is asked for one after the other, so the cost is that of their number."""
    column = TransactionTotal.created_by
    every = select(column).where(TransactionTotal.grain == Grain.ALL.value).order_by(column)
    first = every.limit(1).subquery()
    one = select(first.c.created_by).cte("one", recursive=True)
    following = every.where(column > one.c.created_by).limit(1).scalar_subquery()
    one = one.union_all(select(following).where(one.c.created_by.is_not(None)))
    fresh = select(TransactionTotalChange.created_by)
    return union(select(one.c.created_by), fresh)


def _names(word: str) -> ColumnElement[bool]:
    """Select changes of payments that have, in their name, a word that begins so."""
    return (literal(" ") + TransactionTotalChange.name).contains(f" {word}")


def with_word(word: str, dimensions: Mapping[str, Any]) -> int:
    """Count the payments that have these dimensions and, in their name, a word that begins so."""
    folded = select(TransactionNameTotal.payments).where(
        TransactionNameTotal.prefix == word, *_having(TransactionNameTotal, dimensions)
    )
    fresh = select(TransactionTotalChange.payments).where(
        _names(word), *_having(TransactionTotalChange, dimensions)
    )
    kept = union_all(folded, fresh).subquery()
    return int(db.session.scalar(select(func.coalesce(func.sum(kept.c.payments), 0))) or 0)


def months_with_word(
    word: str, *, first: date = FIRST, last: date = LAST
) -> list[tuple[date, int]]:
    """Return the months (by their first days) from `first` to `last` that have payments with such a name, newest first."""
    folded = select(TransactionNameMonth.month, TransactionNameMonth.payments).where(
        TransactionNameMonth.prefix == word, TransactionNameMonth.month.between(first, last)
    )
    month = cast(func.date_trunc("month", TransactionTotalChange.day), Date)
    fresh = select(month, TransactionTotalChange.payments).where(
        _names(word), month.between(first, last)
    )
    kept = union_all(folded, fresh).subquery()
    payments = func.sum(kept.c.payments)
    rows = db.session.execute(
        select(kept.c.month, payments)
        .group_by(kept.c.month)
        .having(payments > 0)
        .order_by(kept.c.month.desc())
    )
    return [(row[0], int(row[1])) for row in rows]


def with_words(words: ColumnElement[Any]) -> int:
    """Count the payments whose names match a text query: each name is read once, however many payments have it."""
    folded = select(TransactionName.payments).where(TransactionName.words.bool_op("@@")(words))
    fresh = select(TransactionTotalChange.payments).where(_fresh_name_matches(words))
    kept = union_all(folded, fresh).subquery()
    return int(db.session.scalar(select(func.coalesce(func.sum(kept.c.payments), 0))) or 0)


def names_with(words: ColumnElement[Any]) -> CompoundSelect[Any]:
    """Select the names that match a text query."""
    return union(
        select(TransactionName.name).where(TransactionName.words.bool_op("@@")(words)),
        select(TransactionTotalChange.name).where(_fresh_name_matches(words)),
    )


def _fresh_name_matches(words: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.to_tsvector("simple", TransactionTotalChange.name).bool_op("@@")(words)


def _within(table: Folded, parts: list[Stretch]) -> ColumnElement[bool]:
    return or_(
        false(),
        *(
            and_(
                table.grain == part.grain.value,
                table.period.between(part.first, part.last),
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
