"""Cut a span of days into the fewest whole years, months and days (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

ALWAYS = date(1, 1, 1)
"""The period of `Grain.ALL`."""
FIRST = date(1970, 1, 1)
"""No payment is older."""
LAST = date(9998, 12, 31)
"""The last day that a filter accepts."""


class Grain(IntEnum):
    """How long the period of a kept total is."""

    ALL = 0
    YEAR = 1
    MONTH = 2
    DAY = 3


@dataclass(frozen=True)
class Stretch:
    """Periods of one length that follow one another: those that begin from `first` to `last`, both included."""

    grain: Grain
    first: date
    last: date


def stretches(
    from_day: date | None, to_day: date | None, *, longest: Grain = Grain.ALL
) -> list[Stretch]:
    """Return the stretches that together are exactly these days, in periods no longer than `longest`.

    There are none where the span is empty.
    """
    if from_day is None and to_day is None and longest is Grain.ALL:
        return [Stretch(Grain.ALL, ALWAYS, ALWAYS)]
    first, last = max(from_day or FIRST, FIRST), min(to_day or LAST, LAST)
    return list(_cut(first, last, max(longest, Grain.YEAR))) if first <= last else []


def last_of_month(day: date) -> date:
    """Return the last day of the month that a day belongs to."""
    return _next(day, Grain.MONTH) - timedelta(days=1)


def _cut(first: date, last: date, grain: Grain) -> Iterator[Stretch]:
    """Take the whole periods of this length out of the middle, and cut both ends into smaller ones."""
    if grain is Grain.DAY:
        yield Stretch(grain, first, last)
        return
    begin = first if _start(first, grain) == first else _next(first, grain)
    end = _start(last + timedelta(days=1), grain)  # the first day behind the last whole period
    smaller = Grain(grain + 1)
    if begin >= end:
        yield from _cut(first, last, smaller)
        return
    if first < begin:
        yield from _cut(first, begin - timedelta(days=1), smaller)
    yield Stretch(grain, begin, _start(end - timedelta(days=1), grain))
    if end <= last:
        yield from _cut(end, last, smaller)


def _start(day: date, grain: Grain) -> date:
    return day.replace(month=1, day=1) if grain is Grain.YEAR else day.replace(day=1)


def _next(day: date, grain: Grain) -> date:
    if grain is Grain.YEAR:
        return date(day.year + 1, 1, 1)
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
