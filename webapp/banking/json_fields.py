"""Fields of a bank's JSON, read strictly: nothing is guessed (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from webapp.banking.gateway import BankUnreadable
from webapp.kernel.clock import CARACAS
from webapp.kernel.text import is_storable

LONGEST_TEXT = 500
LONGEST_REFERENCE = 50


def text(content: Mapping[str, Any], name: str, *, digits: bool = False) -> str | None:
    """Return a text; None where it is absent, null or blank. `digits` admits a JSON integer as its digits.

    Raises BankUnreadable for other JSON types.
    """
    value = content.get(name)
    if digits and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return None
    if not isinstance(value, str) or not is_storable(value) or len(value) > LONGEST_TEXT:
        raise BankUnreadable(f"{name} cannot be read")
    return value.strip() or None


def reference(content: Mapping[str, Any], name: str) -> str | None:
    """Return a reference as the bank spells it. Raises BankUnreadable for one that cannot be stored."""
    written = text(content, name, digits=True)
    if written is not None and len(written) > LONGEST_REFERENCE:
        raise BankUnreadable(f"{name} is too long")
    return written


def amount(content: Mapping[str, Any], name: str) -> Decimal | None:
    """Return an amount: a string or number with at most two decimals. Raises BankUnreadable for other values."""
    value = content.get(name)
    if value is None or value == "":
        return None
    written = str(value).strip() if isinstance(value, str | int) else ""
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,16}(\.\d+)?", written, re.ASCII):
        raise BankUnreadable(f"{name} cannot be read")
    exact = Decimal(written)
    if exact != exact.quantize(Decimal("0.01")):
        raise BankUnreadable(f"{name} has more than two places")
    return exact.quantize(Decimal("0.01"))


def day(content: Mapping[str, Any], name: str) -> date | None:
    """Return the day of an ISO date or moment; of a moment with an offset, the day in Caracas.

    Raises BankUnreadable.
    """
    written = text(content, name)
    if written is None:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return _plain_day(written, name)
    try:
        return (moment.astimezone(CARACAS) if moment.tzinfo else moment).date()
    except OverflowError:
        raise BankUnreadable(f"{name} cannot be read") from None


def _plain_day(written: str, name: str) -> date:
    """Return the ISO day that begins the text: what banks write after it differs."""
    try:
        return date.fromisoformat(written[:10])
    except ValueError:
        raise BankUnreadable(f"{name} cannot be read") from None
