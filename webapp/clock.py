"""Time: stored as aware UTC, shown and filtered as the days of Caracas (UTC-4, no summer time)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

CARACAS = timezone(timedelta(hours=-4), "America/Caracas")


def now() -> datetime:
    """This instant, aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The current day in Caracas."""
    return now().astimezone(CARACAS).date()


def start_of_day(day: date) -> datetime:
    """The instant at which a day begins in Caracas."""
    return datetime.combine(day, time.min, tzinfo=CARACAS)


def end_of_day(day: date) -> datetime:
    """The first instant that no longer belongs to a day in Caracas.

    Raises OverflowError for the last day that the calendar has.
    """
    return start_of_day(day + timedelta(days=1))
