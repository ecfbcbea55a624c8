"""The account's statement as a CSV sheet, to compare a day's payments with what the bank received (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from webapp.banking.gateway import Movement
from webapp.kernel import csv_sheets

COLUMNS = ("date", "time", "reference", "amount", "currency", "concept")
MOST_DAYS = 366


class BadDays(Exception):
    """The days make no sense; the message is one sentence that names the option."""


def read_days(first: str, last: str, *, today: date) -> tuple[date, date]:
    """Return the first and the last day, both included. Raises BadDays."""
    start, end = _day("--from", first), _day("--to", last)
    if end < start:
        raise BadDays("--to is before --from.")
    if end > today:
        raise BadDays(f"--to is in the future: in Caracas it is {today}.")
    if (end - start).days >= MOST_DAYS:
        raise BadDays(f"--from and --to are more than {MOST_DAYS} days.")
    return start, end


def _day(option: str, written: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", written, re.ASCII):
            raise ValueError
        return date.fromisoformat(written)
    except ValueError:
        raise BadDays(f"{option} must be a day like 2026-08-06.") from None


def as_csv(movements: Sequence[Movement]) -> str:
    """Return the movements as CSV, in the bank's order, under a heading row."""
    rows = [
        (one.day, one.time, one.reference, one.amount, one.currency, one.concept)
        for one in movements
    ]
    return csv_sheets.written([COLUMNS, *rows])
