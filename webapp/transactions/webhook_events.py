"""What webhooks tell other programs of a payment's events: ids, status and amount, never who paid."""

from __future__ import annotations

from collections.abc import Mapping

from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.webhooks import outbox
from webapp.webhooks.events import EventType

OF_STATUS: Mapping[Status, EventType] = {
    Status.COMPLETED: EventType.COMPLETED,
    Status.TO_REVIEW: EventType.TO_REVIEW,
    Status.CANCELED: EventType.CANCELED,
    Status.UNKNOWN: EventType.UNKNOWN,
}
"""A payment that goes back into process, is corrected or deleted was merely updated."""


def announce(transaction: Transaction, old_status: Status) -> None:
    """Stage the webhook event that a change means, inside the caller's unit of work."""
    moved = transaction.status is not old_status
    event_type = OF_STATUS.get(transaction.status) if moved else None
    outbox.stage(
        event_type or EventType.UPDATED,
        {
            "id": str(transaction.id),
            "transaction_id": transaction.transaction_id,
            "status": transaction.status.value,
            "previous_status": old_status.value,
            "bank": transaction.bank.value,
            "transaction_type": transaction.transaction_type.value,
            "reference": transaction.reference,
            "amount": None if transaction.amount is None else f"{transaction.amount:.2f}",
            "currency": transaction.currency,
            "reasons": [reason["code"] for reason in transaction.reasons],
            "deleted": transaction.deleted_at is not None,
            "version": transaction.version,
        },
    )
