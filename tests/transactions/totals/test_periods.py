"""A span of days is cut into whole years, months and days without a gap and without an overlap."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from webapp.transactions.totals.periods import ALWAYS, Grain, Stretch, stretches

DAYS = st.dates(date(2015, 1, 1), date(2027, 12, 31))


def days_of(stretch: Stretch) -> list[date]:
    last = stretch.last
    if stretch.grain is Grain.YEAR:
        last = date(last.year, 12, 31)
    if stretch.grain is Grain.MONTH:
        last = (last.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return [
        stretch.first + timedelta(days=number) for number in range((last - stretch.first).days + 1)
    ]


@given(first=DAYS, last=DAYS, longest=st.sampled_from([Grain.YEAR, Grain.MONTH, Grain.DAY]))
def test_the_stretches_are_exactly_the_days_of_the_span(first: date, last: date, longest: Grain):
    found = stretches(first, last, longest=longest)
    wanted = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    assert sorted(day for one in found for day in days_of(one)) == wanted
    assert all(one.grain >= longest for one in found)
    assert len(found) <= 5


def test_without_a_span_all_time_is_one_period():
    assert stretches(None, None) == [Stretch(Grain.ALL, ALWAYS, ALWAYS)]


def test_a_span_that_ends_before_it_begins_has_no_days():
    assert stretches(date(2026, 2, 1), date(2026, 1, 31)) == []


def test_the_first_and_the_last_day_of_a_filter_can_be_cut():
    assert stretches(None, date(9998, 12, 31)) and stretches(date(1, 1, 1), None)
