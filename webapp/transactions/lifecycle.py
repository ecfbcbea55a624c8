"""Statuses and the one table of moves between them (DESIGN 3); pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """Where a transaction stands (ERD 4.1, `transaction_status`)."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"
    TO_REVIEW = "TO_REVIEW"


class Cause(StrEnum):
    """Why a transaction may move."""

    BANK_ANSWER = "bank_answer"
    GIVING_UP = "giving_up"
    DECISION = "decision"
    CORRECTION = "correction"
    REOPENING = "reopening"


FINAL = frozenset({Status.COMPLETED, Status.CANCELED})
CHECKABLE = frozenset({Status.IN_PROGRESS, Status.UNKNOWN, Status.TO_REVIEW})
DECIDABLE = frozenset({Status.TO_REVIEW, Status.UNKNOWN})

_ANY_VERDICT = frozenset({Status.COMPLETED, Status.CANCELED, Status.TO_REVIEW, Status.UNKNOWN})

MOVES: Mapping[Cause, Mapping[Status, frozenset[Status]]] = {
    # What waits for a supervisor is left by a person only: no later answer decides over them.
    Cause.BANK_ANSWER: {
        Status.IN_PROGRESS: _ANY_VERDICT,
        Status.UNKNOWN: frozenset(Status) - {Status.UNKNOWN},
    },
    Cause.GIVING_UP: {Status.IN_PROGRESS: frozenset({Status.UNKNOWN})},
    Cause.DECISION: dict.fromkeys(DECIDABLE, frozenset({Status.COMPLETED, Status.CANCELED})),
    Cause.CORRECTION: dict.fromkeys(DECIDABLE, frozenset({Status.IN_PROGRESS})),
    Cause.REOPENING: dict.fromkeys(FINAL, frozenset({Status.TO_REVIEW})),
}


def allows(cause: Cause, old: Status, new: Status) -> bool:
    """Tell whether this cause may move a transaction from `old` to `new`."""
    return new in MOVES[cause].get(old, frozenset())
