"""Movements of the bank as they are kept beside a payment: to JSON and back (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from webapp.banking.gateway import Movement, MovementState, TransactionType


def as_json(movement: Movement) -> dict[str, Any]:
    """Return what was read of a movement; what it lacks is left out."""
    read = {
        "identity": movement.identity,
        "state": movement.state.value,
        "word": movement.word,
        "reference": movement.reference,
        "reference_may_be_cut": movement.reference_may_be_cut or None,
        "amount": None if movement.amount is None else str(movement.amount),
        "currency": movement.currency,
        "day": movement.day.isoformat() if movement.day else None,
        "time": movement.time,
        "phone": movement.phone,
        "national_id": movement.national_id,
        "transaction_type": movement.transaction_type.value if movement.transaction_type else None,
        "concept": movement.concept,
    }
    return {name: value for name, value in read.items() if value is not None}


def from_json(kept: Mapping[str, Any]) -> Movement:
    """Return the movement that `as_json` wrote."""
    given = dict(kept)
    for name, read in (
        ("state", MovementState),
        ("amount", Decimal),
        ("day", date.fromisoformat),
        ("transaction_type", TransactionType),
    ):
        if name in given:
            given[name] = read(given[name])
    return Movement(**given)
