"""CSV files as in RFC 4180, without cells that a spreadsheet would calculate (pure)."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

FORMULA_SIGNS = frozenset("=+-@\N{MINUS SIGN}")
"""How a formula begins, in any of Unicode's compatible forms (OWASP, CSV injection)."""
FIRST_CONTROLS = ("\t", "\r", "\n")
"""Control characters that OWASP keeps away from the beginning of a cell."""

_HARMLESS = re.compile(r"\w[\w .,:()/'-]*")
_PLAIN_LINE = re.compile(r"(?:\w[\w .:()/'-]*+)?+(?:,(?:\w[\w .:()/'-]*+)?+)*+")
"""Harmless cells without commas of their own, between commas."""
# Where a program that was told another separator begins a new cell, or a new row, inside one of ours.
_SEPARATORS = re.compile("([;|\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029\N{GREEK QUESTION MARK}；﹔︔])")
_QUOTES = frozenset("\"'`´‘’“”«»")


def written(rows: Iterable[Sequence[Any]]) -> str:
    """Write the rows as lines of CSV.

    Moments are in ISO 8601, amounts have two places, None is an empty cell. Numbers stay numbers, also below zero;
    text that a spreadsheet would calculate begins with an apostrophe.
    """
    return "".join(map(_line, rows))


def _line(row: Sequence[Any]) -> str:
    cells = [value if type(value) is str else _cell(value) for value in row]
    line = ",".join(cells)
    # Most rows have nothing that wants quotes or an apostrophe: one look at the whole line is enough for them.
    if line and _PLAIN_LINE.fullmatch(line) and line.count(",") == len(cells) - 1:
        return f"{line}\r\n"
    sheet = io.StringIO()
    csv.writer(sheet, lineterminator="\r\n").writerow([_cell(value) for value in row])
    return sheet.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, int | float):
        return str(value)
    return _guarded(str(value))


def _guarded(text: str) -> str:
    """Put an apostrophe before every part of the text that some spreadsheet would take for a formula.

    Quotation marks alone do not help: a program that splits at semicolons does not see those around the whole cell.
    """
    if _HARMLESS.fullmatch(text):
        return text
    parts = _SEPARATORS.split(text)
    parts[::2] = [f"'{part}" if _is_formula(part) else part for part in parts[::2]]
    guarded = "".join(parts)
    return f"'{guarded}" if guarded.startswith(FIRST_CONTROLS) else guarded


def _is_formula(part: str) -> bool:
    """Tell whether the first character that is not skipped begins a formula, in any compatible form."""
    for character in part:
        plain = unicodedata.normalize("NFKD", character)
        if plain[0] in FORMULA_SIGNS:
            return True
        if not _is_skipped(character):
            return False
    return False


def _is_skipped(character: str) -> bool:
    """Tell whether programs may drop the character at a cell's beginning: white space, quotes, invisible characters."""
    return (
        character.isspace() or character in _QUOTES or unicodedata.category(character)[0] in "CMZ"
    )
