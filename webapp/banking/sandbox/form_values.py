"""Typed readers of what is sent to the admin endpoints; every refusal is one sentence."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

LONGEST_TEXT = 500
DAY_SECONDS = 86_400


class BadInput(ValueError):
    """A value cannot be used; the message says which and why, for a person."""


def only(payload: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse unknown fields, so that a misspelt one is not ignored."""
    unknown = sorted(set(payload) - set(allowed))
    if unknown:
        raise BadInput(f"Campo desconocido: {unknown[0][:40]!r}. Se admiten: {', '.join(allowed)}.")


def text(payload: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    """Return a short printable text, or the default where it is absent, null or blank."""
    value = payload.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise BadInput(f"{name} debe ser un texto.")
    value = value.strip()
    if len(value) > LONGEST_TEXT or not value.isprintable():
        raise BadInput(f"{name} admite hasta {LONGEST_TEXT} caracteres imprimibles.")
    return value or default


def digits(
    payload: Mapping[str, Any], name: str, shortest: int, longest: int, default: str | None = None
) -> str | None:
    """Return a text of ASCII digits of a length, or the default where it is absent."""
    value = text(payload, name, default)
    if value is None or value == default:
        return value
    if not (value.isascii() and value.isdigit() and shortest <= len(value) <= longest):
        raise BadInput(f"{name} debe tener {_span(shortest, longest)} dígitos.")
    return value


def choice(
    payload: Mapping[str, Any], name: str, allowed: Collection[str], default: str | None = None
) -> str:
    """Return one of the allowed words, or the default where it is absent."""
    value = text(payload, name, default)
    if value is None or value not in allowed:
        raise BadInput(f"{name} debe ser una de: {', '.join(allowed)}.")
    return value


def seconds(payload: Mapping[str, Any], name: str, default: float | None = None) -> float | None:
    """Return seconds from 0 to a day, sent as a JSON number or as text, as forms do."""
    value = payload.get(name)
    if value is None or value == "":
        return default
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= DAY_SECONDS:
        raise BadInput(f"{name} debe ser un número de segundos de 0 a {DAY_SECONDS}.")
    return number


def count(payload: Mapping[str, Any], name: str, default: int | None = None) -> int | None:
    """Return a whole number from 1 to a million."""
    value = payload.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
        raise BadInput(f"{name} debe ser un entero de 1 a 1000000.")
    return value


def amount(payload: Mapping[str, Any], name: str) -> Decimal:
    """Return an amount of zero or more, sent as text with a decimal point or as a JSON number."""
    value = payload.get(name)
    try:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise InvalidOperation
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 <= number < Decimal(10) ** 16:
        raise BadInput(f"{name} debe ser un monto como 1240.00.")
    return number


def day(payload: Mapping[str, Any], name: str, default: date) -> date:
    """Return a day, sent as YYYY-MM-DD."""
    value = text(payload, name)
    if value is None:
        return default
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise BadInput(f"{name} debe ser un día como 2026-11-24.") from None


def _span(shortest: int, longest: int) -> str:
    return str(shortest) if shortest == longest else f"de {shortest} a {longest}"
