"""Time: stored as aware UTC, shown and filtered as the days of Caracas (UTC-4, no summer time)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

CARACAS = timezone(timedelta(hours=-4), "America/Caracas")


def now() -> datetime:
    """Return this instant, aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the current day in Caracas."""
    return now().astimezone(CARACAS).date()


def start_of_day(day: date) -> datetime:
    """Return the instant at which a day begins in Caracas."""
    return datetime.combine(day, time.min, tzinfo=CARACAS)


def end_of_day(day: date) -> datetime:
    """Return the first instant that no longer belongs to a day in Caracas.

    Raises OverflowError for the last day that the calendar has.
    """
    return start_of_day(day + timedelta(days=1))


@dataclass(frozen=True)
class DailyWindow:
    """The same hours of every day in Caracas, from the first minute up to (not including) the last."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> DailyWindow:
        """Read `02:00-06:00`; a window may pass midnight. Raises ValueError."""
        found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", text, re.ASCII)
        if not found:
            raise ValueError("must be two times of day, like 02:00-06:00, or off")
        hours = [int(part) for part in found.groups()]
        return cls(time(hours[0], hours[1]), time(hours[2], hours[3]))

    def contains(self, moment: datetime) -> bool:
        """Tell whether a moment falls into the window."""
        local = moment.astimezone(CARACAS).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"
