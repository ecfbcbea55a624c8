"""Sheets for other programs: CSV as RFC 4180 has it, nothing in it that a spreadsheet would calculate (pure)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets would calculate (OWASP, CSV injection)."""


def written(rows: Iterable[Sequence[Any]]) -> str:
    """The rows as lines of a sheet: moments in ISO 8601, amounts with two places, None as nothing."""
    sheet = io.StringIO()
    csv.writer(sheet, lineterminator="\r\n").writerows(
        [_cell(value) for value in row] for row in rows
    )
    return sheet.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
