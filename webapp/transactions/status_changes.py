"""Write a payment's status, and an event of every change: no other module does (DESIGN 3).

`service` and `bank_answers` say what should change; only this module writes it. Status and event belong to the
caller's unit of work: the caller locks the row before, and commits it with its event after. Only a new payment is a
unit of work of its own, stored with its first event by one statement.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from webapp.kernel import clock, one_statement
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

_NEW = (
    "id", "transaction_id", "id_assigned", "status", "bank", "transaction_type", "reference", "reference_key",
    "customer_full_name", "customer_name_search", "customer_phone", "customer_national_id", "concept", "amount",
    "currency", "payer_bank", "operation_date", "receiving_account", "bank_environment", "submission_key", "version",
    "created_by", "updated_by", "created_at", "updated_at", "waiting_since", "next_check_at",
)  # fmt: skip
"""What is stored of a new payment, beside its metadata; the database has the first values of all other columns."""
# One round trip. Without a conflict there is a payment and its event; with one, whatever the other is, there is neither.
_BEGIN = f"""
WITH made AS (
  INSERT INTO transactions ({", ".join(_NEW)}, metadata)
  VALUES ({", ".join(f"%({name})s" for name in _NEW)}, %(metadata)s)
  ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO transaction_events (id, transaction_id, new_status, actor_type, actor_id, key_id, metadata, created_at)
SELECT %(event_id)s, id, %(status)s, %(actor_type)s, %(actor_id)s, %(key_id)s, %(about)s, %(created_at)s FROM made
RETURNING transaction_id
"""  # noqa: S608 - the names of columns


def begin(transaction: Transaction, actor: Actor) -> bool:
    """Store a new payment with its first status and its first event, and commit.

    False, and nothing is stored, where its id, its reference or its form is taken. The object stays outside of the
    session. No webhook event means that a payment was merely logged.
    """
    transaction.status = Status.IN_PROGRESS
    values = {name: getattr(transaction, name) for name in _NEW}
    values |= {
        "metadata": json.dumps(transaction.metadata_),
        "event_id": uuid.uuid4(),
        "actor_type": actor.type.value,
        "actor_id": actor.id,
        "key_id": actor.key_id,
        "about": json.dumps({"version": transaction.version}),
    }
    return bool(one_statement.run(_BEGIN, values))


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
    old_status: Status,
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
