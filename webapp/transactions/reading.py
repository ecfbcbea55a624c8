"""Payments as rows, for programs that only read them: statements that are built once, and no objects to keep track of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, select

from webapp.kernel.database import db
from webapp.kernel.errors import NotFound
from webapp.transactions import placing, queries
from webapp.transactions.filtering import Filter
from webapp.transactions.models import Transaction
from webapp.transactions.queries import Place

_columns = Transaction.__table__.c
_SHOWN: Select[Any] = select(
    *(_columns[name] for name in (
        "id", "transaction_id", "status", "bank", "transaction_type", "reference", "customer_full_name", "customer_phone",
        "customer_national_id", "concept", "amount", "currency", "payer_bank", "operation_date", "bank_amount",
        "bank_reference", "reasons", "version", "created_at", "updated_at",
    ))
).where(_columns.deleted_at.is_(None))  # fmt: skip
_WITH_EVIDENCE = _SHOWN.add_columns(
    _columns.banesco_payload,
    _columns.shown_movements,
    _columns.id_assigned,
    _columns.receiving_account,
)
_BY_ID, _BY_TRANSACTION_ID = (
    {
        evidence: shown.where(column == bindparam("key"))
        for evidence, shown in ((False, _SHOWN), (True, _WITH_EVIDENCE))
    }
    for column in (_columns.id, _columns.transaction_id)
)


@dataclass(frozen=True)
class RowPage:
    """One page of a list as rows, and how long the whole list is."""

    items: Sequence[Row[Any]]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        """Return how many pages the whole list has."""
        return -(-self.total // self.size)


def find(key: str, *, evidence: bool) -> Row[Any]:
    """Return the payment that an address names, as `queries.find` does; `evidence`: with what the bank answered.

    Raises NotFound, for deleted ones too.
    """
    row_id = queries.as_uuid(key)
    found = db.read(_BY_ID[evidence], {"key": row_id}).first() if row_id else None
    if found is None and queries.may_be_transaction_id(key):
        found = db.read(_BY_TRANSACTION_ID[evidence], {"key": key}).first()
    if found is None:
        raise NotFound()
    return found


def offset_page(wanted: Filter, *, offset: int, size: int, evidence: bool) -> RowPage:
    """Return a page as `queries.offset_page` does."""
    total = queries.count(wanted)
    rows: Sequence[Row[Any]] = []
    if offset < total:
        place = placing.place(wanted, offset=offset, size=size, total=total)
        rows = db.read(_page(wanted, place, size, evidence)).all()
    return RowPage(items=rows, total=total, number=offset // size + 1, size=size)


@lru_cache(maxsize=200)
def _page(wanted: Filter, place: placing.Place, size: int, evidence: bool) -> Select[Any]:
    """Build the statement of a page; most requests are for the same few."""
    shown = _WITH_EVIDENCE if evidence else _SHOWN
    return place.cut(shown, wanted, size=size)


def rows_after(
    wanted: Filter, place: Place | None, *, size: int, evidence: bool
) -> tuple[Sequence[Row[Any]], bool]:
    """Return the rows after a place as `queries.rows_after` does, and whether more follow."""
    shown = _WITH_EVIDENCE if evidence else _SHOWN
    rows = db.read(queries.following(shown, wanted, place, size=size)).all()
    return rows[:size], len(rows) > size
