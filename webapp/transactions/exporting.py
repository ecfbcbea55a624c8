"""What an export reads: every payment of a filter in parts, as the database spells it, without making objects of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Text, case, cast, func, select, tuple_

from webapp.kernel.database import db
from webapp.transactions import narrowing, placing
from webapp.transactions.filtering import Filter
from webapp.transactions.models import Transaction

EXPORT_CHUNK = 500
"""Few enough that writing them holds up other requests of the process for a few milliseconds at most."""


def _moment(column: Any) -> ColumnElement[str]:
    """Select a moment as Python writes it: ISO 8601, with a fraction only where there is one."""
    whole = func.date_trunc("second", column) == column
    spelling = case((whole, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), else_='YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    return func.to_char(func.timezone("UTC", column), spelling)


EXPORTED: dict[str, Any] = {
    "id": cast(Transaction.id, Text),
    "transaction_id": Transaction.transaction_id,
    "status": cast(Transaction.status, Text),
    "bank": cast(Transaction.bank, Text),
    "transaction_type": cast(Transaction.transaction_type, Text),
    "reference": Transaction.reference,
    "customer.full_name": Transaction.customer_full_name,
    "customer.phone": Transaction.customer_phone,
    "customer.national_id": Transaction.customer_national_id,
    "customer.concept": Transaction.concept,
    "amount": Transaction.amount,
    "currency": Transaction.currency,
    "payer_bank": Transaction.payer_bank,
    "operation_date": func.to_char(Transaction.operation_date, "YYYY-MM-DD"),
    "bank_amount": Transaction.bank_amount,
    "bank_reference": Transaction.bank_reference,
    "version": cast(Transaction.version, Text),
    "created_at": _moment(Transaction.created_at),
    "updated_at": _moment(Transaction.updated_at),
}
"""The columns of an export, by the names that the JSON has for them."""


def exported(wanted: Filter) -> Iterator[Sequence[Row[Any]]]:
    """Return all rows of a filter, newest first, with EXPORTED's values, in parts of EXPORT_CHUNK rows.

    The first part is read now, so that errors come before anything is sent. Each part is a query of its
    own from where the last one ended: a slow reader holds no connection and no snapshot.
    """
    engine = db.engine  # the rest is read outside of the application's context
    columns = select(*(value.label(name) for name, value in EXPORTED.items()))
    narrowed = narrowing.narrowed(columns.where(Transaction.deleted_at.is_(None)), wanted)
    query = narrowed.order_by(*placing.NEWEST_FIRST).limit(EXPORT_CHUNK)

    def after(place: tuple[datetime, uuid.UUID] | None) -> Sequence[Row[Any]]:
        part = query
        if place is not None:
            part = query.where(tuple_(Transaction.created_at, Transaction.id) < place)
        with engine.connect() as connection:
            return connection.execute(part).all()

    def rest(rows: Sequence[Row[Any]]) -> Iterator[Sequence[Row[Any]]]:
        while rows:
            begun = time.thread_time()
            yield rows
            last = (datetime.fromisoformat(rows[-1].created_at), uuid.UUID(rows[-1].id))
            rows = after(last) if len(rows) == EXPORT_CHUNK else []
            time.sleep(
                time.thread_time() - begun
            )  # other requests of this process get as much of it

    return rest(after(None))
