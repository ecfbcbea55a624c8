"""`If-Match` on a payment: a version that no longer stands is refused with what changed since, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from webapp.api import request_bodies
from webapp.api.request_bodies import VersionMismatch
from webapp.kernel.database import db
from webapp.transactions import presenting, queries
from webapp.transactions.models import Transaction
from webapp.transactions.versions import Change, StaleVersion, changes_since

IN_CUSTOMER = ("full_name", "phone", "national_id", "concept")
"""Declared fields that stand in `customer`."""


@contextmanager
def expected_version(transaction: Transaction) -> Iterator[int | None]:
    """Yield the version that must still stand because If-Match names it; None where any may stand.

    Raises VersionMismatch, also where the work inside finds another version once it has locked the row.
    """
    row_id = transaction.id
    try:
        yield request_bodies.expected_version(transaction.version)
    except (StaleVersion, VersionMismatch):
        db.session.rollback()
        changes = [_as_json(change) for change in _changes(row_id)]
        raise VersionMismatch(extra={"changes": changes} if changes else None) from None


def _changes(row_id: Any) -> list[Change]:
    """Return what changed since the newest version that the caller names."""
    numbers = [
        int(name) for name in request_bodies.named_versions() if name.isdecimal() and len(name) < 10
    ]
    return changes_since(queries.events_of(row_id), max(numbers)) if numbers else []


def _as_json(change: Change) -> dict[str, Any]:
    name = change.field
    return {
        "field": f"customer.{name}" if name in IN_CUSTOMER else name,
        "before": change.before,
        "after": change.after,
        "changed_by": presenting.actor_name(change.event),
        "changed_at": change.event.created_at.isoformat(),
    }
