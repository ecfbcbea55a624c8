"""A day begins and ends in Caracas."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from webapp.kernel import clock


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 25, 3, 59, 59, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 11, 25, 4, 0, tzinfo=UTC), date(2026, 11, 25)),
        (datetime(2026, 7, 1, 3, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2027, 1, 1, 0, 0, tzinfo=UTC), date(2026, 12, 31)),
    ],
)
def test_today_is_the_day_of_caracas(instant, day, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: instant)
    assert clock.today() == day
    assert clock.start_of_day(day) <= instant < clock.end_of_day(day)


def test_every_day_is_24_hours_long_because_there_is_no_summer_time():
    for day in (date(2026, 3, 29), date(2026, 10, 25), date(2024, 2, 29)):
        assert clock.end_of_day(day) - clock.start_of_day(day) == timedelta(hours=24)


def test_now_is_aware_and_utc():
    assert clock.now().utcoffset() == timedelta(0)


def test_the_last_day_of_the_calendar_has_no_end():
    with pytest.raises(OverflowError):
        clock.end_of_day(date.max)
