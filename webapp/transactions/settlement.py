"""Settle an approved payment with a movement of the bank, and free that from an earlier payment (DESIGN 3).

Freeing takes a second person: who ended the earlier payment, or logged or corrected it, does not approve the
later one. It happens nowhere else, and leaves an event on both payments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Forbidden
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Actor
from webapp.transactions import allocation, queries, rules
from webapp.transactions.matching import ReasonCode
from webapp.transactions.models import Transaction
from webapp.transactions.status_changes import event
from webapp.transactions.versions import raise_version


class MovementUsed(Conflict):
    """The bank's movement pays another payment; `holder` is that payment, where it is known."""

    code = "movement_used"

    def __init__(self, holder: Transaction | None) -> None:
        super().__init__(
            _(
                "No se puede aprobar: el movimiento del banco ya paga otro registro (%(holder)s).",
                holder=holder.transaction_id if holder else "—",
            )
        )


class MovementNotShown(Conflict):
    """The bank does not show the movement that was chosen, or no longer shows it."""

    code = "movement_not_shown"

    def __init__(self) -> None:
        super().__init__(
            _("El banco ya no muestra ese movimiento. Mire cómo quedó y decida de nuevo.")
        )


def settle(
    transaction: Transaction, *, chosen: str | None, actor: Actor, reason: str
) -> dict[str, Any]:
    """Let the movement that the bank shows pay a payment that this person approves.

    `chosen` is the identity of one of several. A reopened payment keeps the movement that paid it, unless the bank
    shows another one now. Returns what the decision's event says of it: `movement`, and `released_from`, the
    payments (transaction_ids) that it paid before. Raises MovementNotShown, MovementUsed where it pays another
    payment that did not end, Forbidden where this person may not free it.
    """
    if chosen is not None and not allocation.choose(transaction, chosen):
        raise MovementNotShown()
    identity = transaction.shown_movement or transaction.matched_movement
    ended = _ended_holders(transaction, identity, actor)
    # Where nobody said which movement paid the one, or which pays the other, nothing is freed.
    paid = [holder for holder in ended if identity and holder.matched_movement]
    for holder in paid:
        freed = {"movement": holder.matched_movement, "to": transaction.transaction_id}
        allocation.release_movement(holder)
        raise_version(holder)
        event(holder, holder.status, actor, reason, released=freed)
    if identity is not None and allocation.is_another(transaction, identity):
        freed = {"movement": transaction.matched_movement, "to": None}
        event(transaction, transaction.status, actor, reason, released=freed)
    db.session.flush()  # the database holds a movement's name to one payment
    allocation.take(transaction, identity)
    released_from = [holder.transaction_id for holder in paid]
    if not released_from:
        return {"movement": identity}
    _forget_reasons(transaction, released_from)
    return {"movement": identity, "released_from": released_from}


def _forget_reasons(transaction: Transaction, released_from: Sequence[str]) -> None:
    """Take out the reasons that the movement pays these payments: it no longer does."""
    code = ReasonCode.MOVEMENT_ALREADY_USED
    transaction.reasons = [
        reason
        for reason in transaction.reasons
        if reason["code"] != code or reason["transaction_id"] not in released_from
    ]


def _ended_holders(
    transaction: Transaction, identity: str | None, actor: Actor
) -> list[Transaction]:
    """Lock and return the payments that ended and that this movement paid or may have paid.

    Raises MovementUsed for one that did not end, Forbidden where this person may not free it.
    """
    ended = []
    for holder in allocation.holders(transaction, identity):
        if holder.has_ended:
            holder = queries.locked_holder(holder.id)  # it may be reopened in this very moment
        if holder.has_ended:
            rules.require_may_release(actor, holder, queries.ended_by([holder.id])[holder.id])
            ended.append(holder)
        elif identity is not None and holder.matched_movement:
            raise MovementUsed(holder)
    return ended


@dataclass(frozen=True)
class Release:
    """A movement that approving a payment would free from an earlier one that ended."""

    holder: Transaction
    why_not: str | None
    """Why this person may not free it, in words; None where they may."""


def require_may_reject(transaction: Transaction, *, actor: Actor) -> None:
    """Refuse to let who ended or declared an earlier payment of this movement reject the later one. Raises Forbidden."""
    for release in foreseen(transaction, actor=actor):
        if release.why_not:
            raise Forbidden(release.why_not, code="release_needs_another")


def foreseen(transaction: Transaction, *, actor: Actor) -> list[Release]:
    """Return what approving this payment would free, as far as its reasons name it."""
    code = ReasonCode.MOVEMENT_ALREADY_USED
    names = {one["transaction_id"] for one in transaction.reasons if one["code"] == code}
    holders = [holder for holder in queries.named(names) if holder.has_ended] if names else []
    ended_by = queries.ended_by([holder.id for holder in holders]) if holders else {}
    return [
        Release(holder, rules.why_not_release(actor, holder, ended_by[holder.id]))
        for holder in holders
    ]
