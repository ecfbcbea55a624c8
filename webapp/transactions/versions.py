"""The version of a payment: raised with every change that a reader must know of, and compared before acting on it.

Nobody corrects, decides, reopens or deletes a payment that changed since they read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from webapp.kernel.errors import Conflict
from webapp.kernel.i18n import gettext as _
from webapp.transactions.models import Transaction, TransactionEvent

UNSEEN = 0
"""In place of the version that was read, where a form names none: no payment ever has it."""


class StaleVersion(Conflict):
    """Somebody else changed the payment since it was read."""

    code = "stale_version"

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(
            sentence or _("Este pago cambió mientras tanto. Mire cómo quedó y hágalo de nuevo.")
        )


def raise_version(transaction: Transaction) -> None:
    """Raise the payment's version by one, so that actions on the version before it are refused."""
    transaction.version += 1


def is_current(transaction: Transaction, seen: int) -> bool:
    """Tell whether the payment is still as it was when this version was read."""
    return transaction.version == seen


def require_version(
    transaction: Transaction, seen: int | None, *, sentence: str | None = None
) -> None:
    """Refuse to act on another version than the one that was seen; None skips the comparison.

    The row must be locked. Raises StaleVersion, with `sentence` in place of the usual one.
    """
    if seen == UNSEEN:
        sentence = _(
            "El formulario no dice qué versión de este pago vio usted, y no se guardó nada. "
            "Revise el pago como está ahora y envíelo de nuevo."
        )
    if seen is not None and not is_current(transaction, seen):
        raise StaleVersion(sentence)


@dataclass(frozen=True)
class Change:
    """What became of one field since a version, and the event that changed it last."""

    field: str
    """As in `declaration.Details`, or `status`."""
    before: Any
    after: Any
    """Both as JSON."""
    event: TransactionEvent


def changes_since(events: Iterable[TransactionEvent], seen: int) -> list[Change]:
    """Return what changed since a version was read, one entry a field; `events` are the payment's, oldest first."""
    found: dict[str, Change] = {}
    for event in events:
        if event.metadata_.get("version", 0) <= seen:
            continue
        for field, before, after in _changed(event):
            first = found[field].before if field in found else before
            found[field] = Change(field, first, after, event)
    return [change for change in found.values() if change.before != change.after]


def _changed(event: TransactionEvent) -> Iterator[tuple[str, Any, Any]]:
    for field, (before, after) in event.metadata_.get("changes", {}).items():
        yield field, before, after
    if event.old_status is not None and event.old_status is not event.new_status:
        yield "status", event.old_status.value, event.new_status.value
