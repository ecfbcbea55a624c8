"""Sheets hold nothing that a spreadsheet would calculate, whichever separator and language it was told."""

from __future__ import annotations

import csv
import io
import sys
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from webapp.kernel import csv_sheets

SEPARATORS = (",", ";", "\t", "|")


def cells_of(sheet: str, separator: str) -> list[str]:
    """Read a sheet as a spreadsheet does that was told the separator."""
    rows = csv.reader(io.StringIO(sheet, newline=""), delimiter=separator)
    return [cell for row in rows for cell in row]


def is_calculated(cell: str) -> bool:
    """Tell whether a spreadsheet that reads generously takes the cell for a formula."""
    plain = unicodedata.normalize("NFKC", cell)
    shown = "".join(
        character
        for character in plain
        if not character.isspace() and unicodedata.category(character)[0] not in "CZ"
    ).lstrip('"')
    return shown[:1] in ("=", "+", "-", "@", "\N{MINUS SIGN}")


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+58",
        "-2",
        "@SUM(A1)",
        "=cmd|' /C calc'!A0",
        "a;=1+1",
        "a;;=1+1",
        "a; =1+1",
        "a;\u00a0=1+1",
        "a\t=1+1",
        "a|=1+1",
        "a\n=1+1",
        "a\r\n=1+1",
        "a\r=1+1",
        'a;"=1+1"',
        'a;""=1+1',
        'a","=1+1',
        "＝1+1",
        "﹦1+1",
        "⁼1+1",
        "＋1",
        "－1",
        "﹣1",
        "−1",
        "＠SUM(A1)",
        "a;＝1+1",
        " =1+1",
        "\u00a0=1+1",
        "\u3000＝1+1",
        "\ufeff=1+1",
        "\u200b=1+1",
        "a;\u200b=1+1",
        "\u2060=1+1",
        "\x01=1+1",
        "\t=1+1",
        "\r=1+1",
        '"=1+1',
        "' =1+1",
    ],
)
def test_no_cell_is_calculated_whatever_the_separator(separator: str, text: str):
    sheet = csv_sheets.written([["one", text, "two"]])
    assert [cell for cell in cells_of(sheet, separator) if is_calculated(cell)] == []


def test_every_character_that_is_compatible_with_a_sign_of_a_formula_is_guarded():
    signs = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.normalize("NFKC", character)[:1] in ("=", "+", "-", "@")
    ]
    assert len(signs) > 15
    for sign in signs:
        assert csv_sheets.written([[f"{sign}1"]]) == f"'{sign}1\r\n"


@pytest.mark.parametrize("text", ["Consulta", "María D'Angelo", "Dr. Peña (piso 2)", "a-b", "5-3"])
def test_ordinary_text_is_left_alone(text: str):
    assert csv_sheets.written([[text]]) == f"{text}\r\n"


def test_a_separator_without_a_formula_after_it_is_left_alone():
    assert csv_sheets.written([["Consulta; placa"]]) == "Consulta; placa\r\n"


def test_text_that_begins_with_a_tab_is_guarded():
    assert csv_sheets.written([["\tnota"]]) == "'\tnota\r\n"


def test_numbers_stay_numbers_also_below_zero():
    row = [Decimal("1240"), Decimal("-12.5"), -3, -0.5]
    assert csv_sheets.written([row]) == "1240.00,-12.50,-3,-0.5\r\n"


def test_moments_are_iso_8601_and_nothing_is_an_empty_cell():
    moment = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)
    assert csv_sheets.written([[moment, None, "x"]]) == "2026-11-24T13:05:00Z,,x\r\n"


def test_a_cell_with_commas_is_one_cell_beside_plain_ones():
    rows: list[list[str | None]] = [
        ["Pérez, Juan", None, "a"],
        ["", "b, c", "d"],
        [None],
        ["x", "", ""],
    ]
    sheet = csv_sheets.written(rows)
    assert sheet == '"Pérez, Juan",,a\r\n,"b, c",d\r\n""\r\nx,,\r\n'


def test_one_cell_that_would_be_calculated_is_guarded_beside_plain_ones():
    row = ["plain", "=1+1", Decimal("-2"), "", "+58 414"]
    assert csv_sheets.written([row]) == "plain,'=1+1,-2.00,,'+58 414\r\n"
