"""The place of a row far down a list, by what is kept of the payments: one statement, written once for each set of dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, text

from webapp.kernel.database import db
from webapp.transactions.totals import queries
from webapp.transactions.totals.periods import LAST, Grain

# The running number of payments from the newest period on finds the one that holds the row, and what is left of the offset.
_PERIOD = """{name} AS (
  SELECT first, (first + INTERVAL '1 {name}' - INTERVAL '1 day')::date AS last, {offset} - upto + payments AS rest FROM (
    SELECT first, payments, sum(payments) OVER (ORDER BY first DESC) AS upto FROM (
      SELECT first, sum(payments) AS payments FROM (
        SELECT period AS first, payments FROM {table} WHERE grain = {grain} {folded_in} {having} {every}
        UNION ALL SELECT date_trunc('{name}', day)::date, payments FROM transaction_total_changes WHERE true {fresh_in} {having}
      ) AS kept GROUP BY first
    ) AS counted
  ) AS running WHERE upto > {offset} ORDER BY first DESC LIMIT 1
)"""
_IN = "AND {day} >= (SELECT first FROM {within}) AND {day} <= (SELECT last FROM {within})"
_TYPES = {
    "bank_environment": "text",
    "status": "transaction_status",
    "bank": "bank_type",
    "transaction_type": "transaction_type",
    "created_by": "uuid",
}
# All values of the columns that stand before the period in the index: named, they make a span of days one stretch of it.
_EVERY = {
    "status": "AND status = ANY (enum_range(NULL::transaction_status))",
    "transaction_type": "AND transaction_type = ANY (enum_range(NULL::transaction_type))",
    "bank": "AND bank = ANY (enum_range(NULL::bank_type))",
    "bank_environment": "AND bank_environment IN ('qa', 'production')",
}


@dataclass(frozen=True)
class Spot:
    """A row of a list, newest first: the row number `offset` (from 0) of those logged on `day` or before."""

    day: date
    offset: int


def spot(dimensions: Mapping[str, Any], offset: int, *, to_day: date | None = None) -> Spot | None:
    """Find the day on which the row at `offset` (from 0, newest first) was logged; None behind the last row.

    The list begins with the newest row of `to_day`, or of all.
    """
    newer = 0
    if to_day is not None and to_day < LAST:
        newer = queries.total(dimensions, from_day=to_day + timedelta(days=1)).payments
    values = {name: str(value) for name, value in dimensions.items()}
    statement = _statement(tuple(sorted(dimensions)))
    found = db.session.execute(statement, {**values, "offset": offset + newer}).first()
    return Spot(found[0], int(found[1])) if found else None


@lru_cache
def _statement(names: tuple[str, ...]) -> TextClause:
    """Write the statement for lists that are narrowed by these dimensions: the year, in it the month, in it the day."""
    table = "transaction_totals" if "created_by" in names else "transaction_sums"
    having = " ".join(f"AND {name} = CAST(:{name} AS {_TYPES[name]})" for name in names)
    every = " ".join(one for name, one in _EVERY.items() if name not in names)
    parts: list[str] = []
    within, offset = "", "CAST(:offset AS bigint)"
    for grain in (Grain.YEAR, Grain.MONTH, Grain.DAY):
        name = grain.name.lower()
        spans = {
            side: _IN.format(day=day, within=within) if within else ""
            for side, day in (("folded_in", "period"), ("fresh_in", "day"))
        }
        part = {
            "name": name,
            "table": table,
            "grain": grain.value,
            "having": having,
            "every": every,
        }
        parts.append(_PERIOD.format(**part, **spans, offset=offset))
        within, offset = name, f"(SELECT rest FROM {name})"  # noqa: S608 - our own names
    return text(f"WITH {', '.join(parts)} SELECT first, rest FROM day")  # noqa: S608 - our own names
