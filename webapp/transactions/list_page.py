"""The rows of the list as its page shows them, and the state by which a poll knows that nothing changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for

from webapp.kernel import formatting
from webapp.transactions import wording
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.transactions.presenting import ICONS, KIND_ICONS


@dataclass(frozen=True)
class ListedPayment:
    """One row, in words: the texts are looked up once for the page and not once for a row."""

    id: str
    url: str
    name: str
    identity: str
    reference: str
    amount: str
    created_at: str
    """As programs read it."""
    logged_at: str
    logged_by: str
    status: str
    status_word: str
    status_icon: str
    kind_word: str
    kind_icon: str
    is_trial: bool
    """A payment of the bank's test environment, while the real bank is in force: no money."""


def listed(rows: Iterable[Transaction], *, bank_environment: str) -> list[ListedPayment]:
    """Return the rows of a page of the list."""
    statuses = {status: str(word) for status, word in wording.STATUSES.items()}
    kinds = {kind: str(word) for kind, word in wording.BANKS.items()}
    base = url_for("transactions.list")
    return [
        ListedPayment(
            id=str(row.id),
            url=f"{base}/{row.transaction_id}",  # its letters need no quoting: a rule of the table
            name=row.customer_full_name,
            identity=f"{formatting.national_id(row.customer_national_id)} · {formatting.phone(row.customer_phone)}",
            reference=row.reference,
            amount=formatting.money(row.amount),
            created_at=row.created_at.isoformat(),
            logged_at=formatting.moment(row.created_at),
            logged_by=row.creator.full_name if row.creator else formatting.NOTHING,
            status=row.status.value,
            status_word=statuses[row.status],
            status_icon=ICONS[row.status],
            kind_word=kinds[row.bank],
            kind_icon=KIND_ICONS[row.bank],
            is_trial=bank_environment == "production" and row.bank_environment != "production",
        )
        for row in rows
    ]


def count_in_process(rows: Iterable[ListedPayment]) -> int:
    """Count the rows whose status still changes by itself."""
    return sum(row.status == Status.IN_PROGRESS.value for row in rows)
