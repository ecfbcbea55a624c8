"""Where the rows of a page stand: lists find them by the kept totals where walking there would take long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import DateTime

from webapp.kernel import clock
from webapp.transactions import narrowing
from webapp.transactions.filtering import Filter
from webapp.transactions.models import Transaction
from webapp.transactions.totals import queries as totals
from webapp.transactions.totals import spots
from webapp.transactions.totals.periods import LAST, last_of_month

NEWEST_FIRST = (Transaction.created_at.desc(), Transaction.id.desc())
WALKED = 500
"""Rows that a list walks to reach an offset; farther ones are found by the kept totals."""
FEW = 1_000
"""Of a combination of filters with at most so many payments, the days are looked up rather than walked to."""
PASSED = 1_000
"""Rows of the rarest filter alone that a list walks through before it looks up the days of a combination."""
SORTED = 2_000
"""So many payments of a search are found and sorted sooner than the newest of them are met in the order of the list."""


@dataclass(frozen=True)
class Place:
    """The rows of a page: behind `offset` others, among those of some days, between two days, or among few."""

    offset: int
    days: tuple[date, ...] = ()
    since: date | None = None
    until: date | None = None
    among_few: bool = False

    def cut(
        self,
        query: Select[Any],
        wanted: Filter,
        *,
        size: int,
        also: Sequence[ColumnElement[bool]] = (),
    ) -> Select[Any]:
        """Let a query find `size` rows of a filter there, newest first, which meet other conditions as well."""
        if self.among_few:
            ids = narrowing.ids_of_few(wanted, offset=self.offset, size=size, also=also)
            return query.where(Transaction.id.in_(ids)).order_by(*NEWEST_FIRST)
        query = narrowing.narrowed(query, wanted).where(*also)
        if self.days:
            query = _of_days(query, self.days)
        if self.since is not None:
            query = query.where(Transaction.created_at >= clock.start_of_day(self.since))
        if self.until is not None:
            query = query.where(Transaction.created_at < clock.end_of_day(self.until))
        return query.order_by(*NEWEST_FIRST).offset(self.offset).limit(size)


def place(wanted: Filter, *, offset: int, size: int, total: int) -> Place:
    """Return where the rows from `offset` on stand, in a list of so many."""
    if wanted.q:
        return _of_search(wanted, offset, size, total)
    if not wanted.is_kept:
        return Place(offset)
    if _is_thin(wanted, offset + size, total):
        days = totals.days_of(wanted.dimensions, from_day=wanted.from_date, to_day=wanted.to_date)
        return _among(days, offset, size)
    if offset > WALKED:
        spot = spots.spot(wanted.dimensions, offset, to_day=wanted.to_date)
        if spot is not None:
            return Place(spot.offset, until=spot.day)
    return Place(offset)


def _of_search(wanted: Filter, offset: int, size: int, total: int) -> Place:
    """Return where rows stand of which a text narrows the list, perhaps with other filters."""
    words = narrowing.searched_words(wanted.q or "")
    alone = wanted == Filter(q=wanted.q)
    # What one word finds by itself tells whether its index is worth reading.
    if (total if alone or len(words) != 1 else _found_by(words)) <= SORTED:
        return Place(offset, among_few=True)
    if offset > WALKED and alone and len(words) == 1:
        return _in_months(words[0], offset, size, total)
    return Place(offset)


def _found_by(words: list[str]) -> int:
    """Return how many payments words find; digits find few."""
    if len(words) == 1:
        return totals.with_word(words[0], {})
    return totals.with_words(narrowing.word_query(words)) if words else 0


def _in_months(word: str, offset: int, size: int, total: int) -> Place:
    """Find rows far down a search by one word in the months that hold them."""
    months = totals.months_with_word(word)
    if sum(payments for _, payments in months) != total:
        return Place(
            offset
        )  # the text is an id as well, and no month says where that payment stands
    found = _among(months, offset, size)
    return Place(found.offset, since=found.days[-1], until=last_of_month(found.days[0]))


def place_after(wanted: Filter, last: datetime | None, *, size: int) -> Place:
    """Return where the `size` rows stand that follow a row logged at a moment (None: the newest)."""
    if wanted.q:
        found = _found_by(narrowing.searched_words(wanted.q))
        return Place(0, among_few=found <= SORTED)
    if not wanted.is_kept or len(wanted.dimensions) < 2:
        return Place(0)
    if not _is_thin(wanted, size, totals.total(wanted.dimensions).payments):
        return Place(0)
    day = last.astimezone(clock.CARACAS).date() if last else None
    to_day = min(one for one in (wanted.to_date, day, LAST) if one is not None)
    days = totals.days_of(wanted.dimensions, from_day=wanted.from_date, to_day=to_day)
    own = next((payments for one, payments in days if one == day), 0)
    return _among(days, 0, size + own)


def _is_thin(wanted: Filter, rows: int, total: int) -> bool:
    """Tell whether so many rows of several filters together are far apart among those of each filter alone."""
    if len(wanted.dimensions) < 2 or not 0 < total <= FEW:
        return False
    return totals.shortest(wanted.dimensions) * min(rows, total) > PASSED * total


def _among(days: list[tuple[date, int]], offset: int, size: int) -> Place:
    """Return the days that hold the rows from `offset` on, and the offset within them."""
    held: list[date] = []
    skipped, passed = 0, 0
    for day, payments in days:
        if passed >= offset + size:
            break
        passed += payments
        if passed <= offset:
            skipped = passed
        else:
            held.append(day)
    return Place(offset - skipped, days=tuple(held))


def _of_days(query: Select[Any], days: tuple[date, ...]) -> Select[Any]:
    """Read each day as a stretch of the index that the filter fits best."""
    moments = ARRAY(DateTime(timezone=True))
    begins = literal([clock.start_of_day(day) for day in days], moments)
    ends = literal([clock.end_of_day(day) for day in days], moments)
    spans = func.unnest(begins, ends).table_valued("begins", "ends", name="days").render_derived()
    return query.join(
        spans,
        and_(
            Transaction.created_at >= spans.c.begins,
            Transaction.created_at < spans.c.ends,
        ),
    )
