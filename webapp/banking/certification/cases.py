"""The bank's test data, from CSV or YAML (docs/certification.md says how a file looks)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from webapp.banking.gateway import BankType, Claim
from webapp.kernel import clock
from webapp.kernel.money import InvalidAmount, parse_amount
from webapp.kernel.text import is_storable

Choice = TypeVar("Choice", bound=StrEnum)

REQUIRED = ("id", "kind", "reference", "expected")
OPTIONAL = (
    "description",
    "amount",
    "phone",
    "payer_bank",
    "date",
    "key",
    "expected_amount",
    "expected_currency",
)
MAX_CASES = 500
MAX_BYTES = 1024 * 1024
DAYS = {"today": 0, "yesterday": 1}


class Expected(StrEnum):
    """What a case expects the bank to answer."""

    FOUND = "found"
    """Money received is shown, in any state."""
    SETTLED = "settled"
    PENDING = "pending"
    REFUSED = "refused"
    UNRECOGNISED = "unrecognised"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    UNREADABLE = "unreadable"
    REFUSED_US = "refused_us"
    """The bank does not accept our credentials or our question."""

    @property
    def is_shown(self) -> bool:
        """Whether a movement is then shown, whose amount can be compared."""
        return self in SHOWN


SHOWN = frozenset(
    {
        Expected.FOUND,
        Expected.SETTLED,
        Expected.PENDING,
        Expected.REFUSED,
        Expected.UNRECOGNISED,
    }
)


class CaseFileError(Exception):
    """The file cannot be read as a list of cases; the message is one line that names row and field."""


@dataclass(frozen=True)
class Case:
    """One question to the bank, and what it should answer."""

    id: str
    description: str
    claim: Claim
    expected: Expected
    amount: Decimal | None = None
    """The amount that the bank should show."""
    currency: str | None = None


def read_cases(path: Path) -> list[Case]:
    """Return the cases of a `.csv`, `.yaml` or `.yml` file. Raises CaseFileError."""
    if path.stat().st_size > MAX_BYTES:
        raise CaseFileError(f"{path.name}: the file is too large.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CaseFileError(f"{path.name}: the file is not UTF-8 text.") from None
    if path.suffix.lower() == ".csv":
        rows = _csv_rows(text)
    elif path.suffix.lower() in (".yaml", ".yml"):
        rows = _yaml_rows(text)
    else:
        raise CaseFileError(f"{path.name}: the name must end with .csv, .yaml or .yml.")
    cases = [_read_case(f"row {number}", row) for number, row in rows]
    if not cases:
        raise CaseFileError(f"{path.name}: there is no case in it.")
    if len(cases) > MAX_CASES:
        raise CaseFileError(f"{path.name}: more than {MAX_CASES} cases.")
    _refuse_repeated([case.id for case in cases])
    return cases


def _csv_rows(text: str) -> list[tuple[int, Mapping[str, str]]]:
    """Return the rows with their line numbers; columns are separated by commas or, as Excel does, semicolons."""
    heading = text.partition("\n")[0]
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        _check_names("row 1", reader.fieldnames or ())
        rows = []
        for row in reader:
            if None in row:
                raise CaseFileError(f"row {reader.line_num}: more values than columns.")
            rows.append((reader.line_num, {name: value or "" for name, value in row.items()}))
    except csv.Error as error:
        raise CaseFileError(f"after row {reader.line_num}: {error}.") from None
    return [(number, row) for number, row in rows if any(value.strip() for value in row.values())]


def _yaml_rows(text: str) -> list[tuple[int, Mapping[str, str]]]:
    try:
        # BaseLoader keeps every value as it is written: references keep their leading zeros.
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts, nothing else
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "the file"
        raise CaseFileError(f"{where}: this is not YAML.") from None
    items = content.get("cases") if isinstance(content, dict) else content
    if not isinstance(items, list):
        raise CaseFileError("row 1: the file must be a list of cases, or have one under `cases`.")
    rows = []
    for number, item in enumerate(items, start=1):
        rows.append((number, _yaml_row(number, item)))
    return rows


def _yaml_row(number: int, item: Any) -> Mapping[str, str]:
    if not isinstance(item, dict):
        raise CaseFileError(f"row {number}: a case is a list of `name: value`.")
    for name, value in item.items():
        if not isinstance(value, str):
            raise CaseFileError(f"row {number}, {name}: must be a single value.")
    row = {str(name): value for name, value in item.items()}
    _check_names(f"row {number}", row)
    return row


def _check_names(where: str, names: Iterable[str]) -> None:
    given = list(names)
    for name in given:
        if name not in (*REQUIRED, *OPTIONAL):
            raise CaseFileError(f"{where}, {name[:40]!r}: there is no such field.")
    for name in REQUIRED:
        if name not in given:
            raise CaseFileError(f"{where}, {name}: the field is missing.")


def _refuse_repeated(ids: list[str]) -> None:
    for number, case_id in enumerate(ids):
        if case_id in ids[:number]:
            raise CaseFileError(f"{case_id}, id: two cases have this id.")


def _read_case(where: str, row: Mapping[str, str]) -> Case:
    given = {name: value.strip() for name, value in row.items()}
    reader = _Reader(where, given)
    expected = reader.choice("expected", Expected)
    case = Case(
        id=reader.matching("id", r"[A-Za-z0-9._-]{1,40}", "1 to 40 letters, digits, . _ -"),
        description=reader.free_text("description"),
        claim=Claim(
            reference=reader.matching("reference", r"\d{1,20}", "1 to 20 digits"),
            bank=reader.choice("kind", BankType),
            own_key=reader.optional("key", r"[A-Za-z0-9_-]{1,100}", "letters, digits, _ and -"),
            amount=reader.amount("amount"),
            phone=reader.phone(),
            payer_bank=reader.optional("payer_bank", r"\d{4}", "the 4 digits of a bank"),
            operation_date=reader.day(),
        ),
        expected=expected,
        amount=reader.amount("expected_amount"),
        currency=reader.optional("expected_currency", r"[A-Za-z]{2,3}", "like VES"),
    )
    if (case.amount or case.currency) and not expected.is_shown:
        field = "expected_amount" if case.amount else "expected_currency"
        raise reader.problem(field, f"nothing is shown where {expected.value} is expected")
    return case


@dataclass(frozen=True)
class _Reader:
    """Reads the fields of one row, and names the field that cannot be read."""

    where: str
    row: Mapping[str, str]

    def problem(self, field: str, what: str) -> CaseFileError:
        return CaseFileError(f"{self.where}, {field}: {what}.")

    def matching(self, field: str, pattern: str, look: str) -> str:
        value = self.row.get(field, "")
        if not re.fullmatch(pattern, value, re.ASCII):
            raise self.problem(field, f"must be {look}" if value else "is empty")
        return value

    def optional(self, field: str, pattern: str, look: str) -> str | None:
        return self.matching(field, pattern, look) if self.row.get(field) else None

    def choice(self, field: str, values: type[Choice]) -> Choice:
        given = self.row.get(field, "")
        try:
            return values(given)
        except ValueError:
            known = ", ".join(value.value for value in values)
            raise self.problem(field, f"must be one of {known}") from None

    def free_text(self, field: str) -> str:
        value = " ".join(self.row.get(field, "").split())
        if len(value) > 300 or not is_storable(value):
            raise self.problem(field, "must be plain text of at most 300 characters")
        return value

    def amount(self, field: str) -> Decimal | None:
        if not self.row.get(field):
            return None
        try:
            return parse_amount(self.row[field])
        except InvalidAmount:
            raise self.problem(field, "must be an amount like 1240.00") from None

    def phone(self) -> str | None:
        """Return a phone in 11 digits, read from any of the spellings 0414…, 58414…, +58 414…."""
        value = self.row.get("phone", "")
        if not value:
            return None
        digits = re.sub(r"[\s().+-]", "", value)
        found = re.fullmatch(r"(?:58|0)?(4\d{9})", digits, re.ASCII)
        if not found:
            raise self.problem("phone", "must be a mobile number like 04141234567")
        return f"0{found[1]}"

    def day(self) -> date | None:
        value = self.row.get("date", "")
        if not value:
            return None
        if value in DAYS:
            return clock.today() - timedelta(days=DAYS[value])
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            raise self.problem("date", "must be YYYY-MM-DD, today or yesterday") from None
