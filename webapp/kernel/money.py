"""Amounts in bolívares: exact decimals with two places, and how Venezuelans write them (BANESCO.md)."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum

CURRENCY = "VES"
MAX_AMOUNT = Decimal("9999999999999999.99")
"""The largest amount that NUMERIC(18,2) holds."""

MAX_TYPED = 64
"""How many characters an amount may have as it is typed."""

_PLAIN = re.compile(r"\d{1,18}(?:[.,]\d{1,2})?", re.ASCII)
_DOT_GROUPS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d{1,2}|\d{1,3}(?:\.\d{3}){2,}", re.ASCII)
_COMMA_GROUPS = re.compile(r"\d{1,3}(?:,\d{3})+\.\d{1,2}|\d{1,3}(?:,\d{3}){2,}", re.ASCII)
_AMBIGUOUS = re.compile(r"\d{1,3}[.,]\d{3}", re.ASCII)
_CURRENCY_SIGN = re.compile(r"^(?:bs\.?\s?s?\.?|ves|bolívares)\s*", re.IGNORECASE)


class AmountProblem(StrEnum):
    """Why a text is not an amount."""

    UNREADABLE = "unreadable"
    AMBIGUOUS = "ambiguous"
    NOT_POSITIVE = "not_positive"
    TOO_LARGE = "too_large"


class InvalidAmount(ValueError):
    """The text is not an amount of money; `problem` says why."""

    def __init__(self, problem: AmountProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


def parse_amount(text: str) -> Decimal:
    """Read a positive amount as people type it: `1.234,56`, `1234,56`, `1234.56`, `Bs. 1.234,56`.

    Raises InvalidAmount; `1.234` is AMBIGUOUS (one thousand two hundred, or one and a bit?).
    """
    typed = text.strip()
    if len(typed) > MAX_TYPED:
        raise InvalidAmount(AmountProblem.UNREADABLE)
    bare = _CURRENCY_SIGN.sub("", typed).strip()
    if _AMBIGUOUS.fullmatch(bare):
        raise InvalidAmount(AmountProblem.AMBIGUOUS)
    if _PLAIN.fullmatch(bare):
        digits = bare.replace(",", ".")
    elif _DOT_GROUPS.fullmatch(bare):
        digits = bare.replace(".", "").replace(",", ".")
    elif _COMMA_GROUPS.fullmatch(bare):
        digits = bare.replace(",", "")
    else:
        raise InvalidAmount(AmountProblem.UNREADABLE)
    return _within_bounds(Decimal(digits))


def parse_decimal(text: str) -> Decimal:
    """Read a positive amount as programs write it: `1234.56`, at most two places.

    Raises InvalidAmount.
    """
    if not re.fullmatch(r"\d{1,18}(?:\.\d{1,2})?", text, re.ASCII):
        raise InvalidAmount(AmountProblem.UNREADABLE)
    return _within_bounds(Decimal(text))


def _within_bounds(amount: Decimal) -> Decimal:
    if amount <= 0:
        raise InvalidAmount(AmountProblem.NOT_POSITIVE)
    if amount > MAX_AMOUNT:
        raise InvalidAmount(AmountProblem.TOO_LARGE)
    return amount.quantize(Decimal("0.01"))


def format_amount(amount: Decimal, currency: str = CURRENCY) -> str:
    """Write an amount as `Bs. 1.234,56`: the sign of daily use, not the obsolete one of the locale data."""
    digits = f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
    return f"Bs. {digits}" if currency == CURRENCY else f"{currency} {digits}"
