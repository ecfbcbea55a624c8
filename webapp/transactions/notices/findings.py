"""What was found of one field in a pasted text, and what is doubtful about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Doubt(StrEnum):
    """Why a field was left empty, or has to be looked at."""

    SEVERAL = "several"
    """The text has more than one, and they differ."""
    AMBIGUOUS = "ambiguous"
    """It can be read in more than one way, or is cut."""
    MASKED = "masked"
    """Asterisks stand in place of digits."""
    OURS = "ours"
    """It is the receiver's, that is, the clinic's own."""
    NOT_NAMED = "not_named"
    """The text does not say whose it is."""
    APP_NUMBER = "app_number"
    """A number of the bank's app, which can differ from the reference of the same payment."""
    IMPOSSIBLE = "impossible"
    """A day in the future or before the present bolívar."""
    COMPANY = "company"
    """A company's document."""


@dataclass(frozen=True)
class Finding:
    """A field's value as a person would type it, or None; a value may be doubtful, too."""

    value: str | None = None
    doubt: Doubt | None = None


def only_one(values: set[str], otherwise: Doubt | None = None) -> Finding:
    """Return the one value; several are a doubt, and none is what `otherwise` says."""
    if len(values) > 1:
        return Finding(doubt=Doubt.SEVERAL)
    return Finding(values.pop()) if values else Finding(doubt=otherwise)
