"""What a list of payments is narrowed to, read from the parameters of an address: alike for pages and API; pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from webapp.banking.gateway import BankType, TransactionType
from webapp.kernel.errors import FieldProblem
from webapp.kernel.i18n import gettext as _
from webapp.transactions import identifiers, wording
from webapp.transactions.identifiers import Misspelt
from webapp.transactions.lifecycle import Status

REFERENCE_DIGITS = (1, 20)
"""A search takes references of every dialect, not only of the one in force (least, most)."""
LAST_DAY = date(9998, 12, 31)


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; canonical spellings. Dates are days in Caracas, both included."""

    q: str | None = None
    status: Status | None = None
    bank: BankType | None = None
    transaction_type: TransactionType | None = None
    reference: str | None = None
    phone: str | None = None
    national_id: str | None = None
    from_date: date | None = None
    to_date: date | None = None
    created_by: uuid.UUID | None = None
    """Who logged it."""

    @property
    def dimensions(self) -> dict[str, Any]:
        """Return what of the filter payments are counted by (`webapp.transactions.totals`)."""
        given = {
            "status": self.status,
            "bank": self.bank,
            "transaction_type": self.transaction_type,
            "created_by": self.created_by,
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def is_kept(self) -> bool:
        """Tell whether totals are kept for this filter; others find few payments, which are counted."""
        return not (self.q or self.reference or self.phone or self.national_id)

    @property
    def has_kept_word(self) -> bool:
        """Tell whether totals are kept for a word of a name with what else it has: dimensions or days, not both."""
        days = self.from_date or self.to_date
        return not (self.reference or self.phone or self.national_id or (days and self.dimensions))


class _Wrong(ValueError):
    """A parameter that makes no sense: a sentence and a stable code (docs/api-errors.md)."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(code)
        self.sentence, self.code = sentence, code


def read(given: Mapping[str, str]) -> tuple[Filter, list[FieldProblem]]:
    """Read the parameters that a filter has; what is empty narrows nothing, other parameters are left alone.

    Returns the filter of those that make sense, and what is wrong with the others.
    """
    values: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, read_one in _READERS.items():
        text = given.get(name, "")
        if not text.strip():
            continue
        try:
            values[name] = read_one(text)
        except _Wrong as wrong:
            problems.append(FieldProblem((name,), wrong.sentence, wrong.code, in_query=True))
    wanted = Filter(**values)
    return wanted, [*problems, *_contradictions(wanted)]


def _contradictions(wanted: Filter) -> list[FieldProblem]:
    first, last = wanted.from_date, wanted.to_date
    if first and last and last < first:
        sentence = _("«Hasta» no puede ser anterior a «Desde».")
        return [FieldProblem(("to_date",), sentence, in_query=True)]
    return []


def _search(text: str) -> str:
    sentence = _("Busque por un nombre o una referencia más cortos.")
    if len(text) > identifiers.NAME_LENGTH[1]:
        raise _Wrong(sentence, "too_long")
    if "\x00" in text:
        raise _Wrong(sentence, "invalid")
    return text.strip()


def _option(options: Callable[[str], Any]) -> Callable[[str], Any]:
    def read_option(text: str) -> Any:
        try:
            return options(text)
        except ValueError:
            raise _Wrong(_("Elija una de las opciones."), "not_an_option") from None

    return read_option


def _spelled(read_text: Callable[[str], str]) -> Callable[[str], str]:
    def read_spelled(text: str) -> str:
        try:
            return read_text(text)
        except Misspelt as error:
            sentence = wording.misspelling(error.problem, REFERENCE_DIGITS)
            raise _Wrong(sentence, error.problem.value) from None

    return read_spelled


def _day(text: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip(), re.ASCII):
            raise ValueError
        return date.fromisoformat(text.strip())
    except ValueError:
        raise _Wrong(_("No parece una fecha. Elija un día del calendario."), "date") from None


def _last_day(text: str) -> date:
    day = _day(text)
    if day > LAST_DAY:
        raise _Wrong(_("Esa fecha no existe en el calendario de pagos."), "invalid")
    return day


def _person(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        raise _Wrong(_("Elija una de las opciones."), "not_an_option") from None


_READERS: Mapping[str, Callable[[str], Any]] = {
    "q": _search,
    "status": _option(Status),
    "bank": _option(BankType),
    "transaction_type": _option(TransactionType),
    "reference": _spelled(lambda text: identifiers.reference(text, REFERENCE_DIGITS)),
    "phone": _spelled(identifiers.phone),
    "national_id": _spelled(identifiers.national_id),
    "from_date": _day,
    "to_date": _last_day,
    "created_by": _person,
}
