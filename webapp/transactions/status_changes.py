"""Write a payment's status, and an event of every change: no other module does (DESIGN 3).

`service` and `bank_answers` say what should change; only this module writes it. Status and event belong to the
caller's unit of work: the caller locks the row before, and commits it with its event after.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.metrics import TRANSACTION_COUNT
from webapp.kernel.permissions import Actor
from webapp.kernel.text import is_storable
from webapp.transactions import webhook_events
from webapp.transactions.lifecycle import DECIDABLE, Cause, Status, allows
from webapp.transactions.matching import Reason
from webapp.transactions.models import Transaction, TransactionEvent
from webapp.transactions.versions import raise_version

MAX_REASON = 500


def begin(transaction: Transaction, actor: Actor) -> None:
    """Give a new payment its first status and its first event."""
    transaction.status = Status.IN_PROGRESS
    event(transaction, None, actor, None)


def move(
    transaction: Transaction,
    new_status: Status,
    cause: Cause,
    actor: Actor,
    reason: str | None,
    **about: Any,
) -> None:
    """Change the status of a payment that was logged before. Raises Conflict for a move that `lifecycle` forbids."""
    old_status = transaction.status
    if not allows(cause, old_status, new_status):
        raise Conflict(_("El pago no puede pasar a ese estado."), code="move_not_allowed")
    transaction.status = new_status
    raise_version(transaction)
    if new_status not in DECIDABLE:
        transaction.review_since = None
    elif old_status not in DECIDABLE:
        transaction.review_since = clock.now()
    if new_status is not Status.IN_PROGRESS:
        transaction.next_check_at = None
    event(transaction, old_status, actor, reason, cause=cause.value, **about)
    TRANSACTION_COUNT.labels(new_status.value, transaction.bank.value).inc()


def event(
    transaction: Transaction,
    old_status: Status | None,
    actor: Actor,
    reason: str | None,
    *,
    reasons: Sequence[Reason] = (),
    **about: Any,
) -> None:
    """Write one event of the trail and stage what other programs are told, inside the caller's unit of work.

    Its `metadata` are `about`, the reasons, and the version that the payment has after it.
    """
    about["version"] = transaction.version
    if reasons:
        about["reasons"] = [dict(item) for item in reasons]
        reason = reason or ", ".join(item["code"] for item in reasons)
    db.session.add(
        TransactionEvent(
            id=uuid.uuid4(),
            transaction_id=transaction.id,
            old_status=old_status,
            new_status=transaction.status,
            reason=reason,
            actor_type=actor.type.value,
            actor_id=actor.id,
            key_id=actor.key_id,
            metadata_=about,
            created_at=clock.now(),
        )
    )
    webhook_events.announce(transaction, old_status)


def required_reason(reason: str) -> str:
    """Return the reason, trimmed. Raises Invalid where it is empty, longer than MAX_REASON, or cannot be stored."""
    text = " ".join(reason.split())
    if not text or not is_storable(text):
        raise Invalid(errors={"reason": [_("Escriba el motivo: quedará en el historial.")]})
    if len(text) > MAX_REASON:
        raise Invalid(errors={"reason": [_("El motivo admite hasta 500 caracteres.")]})
    return text
