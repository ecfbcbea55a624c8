"""What pages, API, worker and reports read of transactions: each loads all that its reader needs."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import joinedload

from webapp import clock
from webapp.banking.gateway import BankType, TransactionType
from webapp.errors import NotFound
from webapp.extensions import db
from webapp.transactions import identifiers
from webapp.transactions.lifecycle import DECIDABLE, Status
from webapp.transactions.models import Transaction, TransactionEvent


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; canonical spellings. Dates are days in Caracas, both included."""

    q: str | None = None
    status: Status | None = None
    bank: BankType | None = None
    transaction_type: TransactionType | None = None
    reference: str | None = None
    phone: str | None = None
    national_id: str | None = None
    from_date: date | None = None
    to_date: date | None = None


@dataclass(frozen=True)
class Page:
    """One page of a list, and how long the whole list is."""

    items: list[Transaction]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        return -(-self.total // self.size)


@dataclass
class Trail:
    """One payment with everything that happened to it, oldest first."""

    transaction: Transaction
    events: list[TransactionEvent] = field(default_factory=list)


def alive() -> Select[Transaction]:
    """The transactions that were not deleted, each with its creator."""
    return (
        select(Transaction)
        .where(Transaction.deleted_at.is_(None))
        .options(joinedload(Transaction.creator))
    )


def narrowed(query: Select[Transaction], wanted: Filter) -> Select[Transaction]:
    """The query with the filter's conditions."""
    exact = {
        Transaction.status: wanted.status,
        Transaction.bank: wanted.bank,
        Transaction.transaction_type: wanted.transaction_type,
        Transaction.reference: wanted.reference,
        Transaction.customer_phone: wanted.phone,
        Transaction.customer_national_id: wanted.national_id,
    }
    query = query.where(*(column == value for column, value in exact.items() if value is not None))
    if wanted.q:
        query = query.where(_found_by_text(wanted.q))
    if wanted.from_date:
        query = query.where(Transaction.created_at >= clock.start_of_day(wanted.from_date))
    if wanted.to_date:
        query = query.where(Transaction.created_at < clock.end_of_day(wanted.to_date))
    return query


def _found_by_text(text: str) -> ColumnElement[bool]:
    """By the beginnings of the words of a name, or by a reference or id as written."""
    words = identifiers.searchable(text).split()
    by_id = or_(Transaction.reference == text.strip(), Transaction.transaction_id == text.strip())
    if not words:
        return by_id
    prefixes = func.to_tsquery("simple", " & ".join(f"{word}:*" for word in words[:10]))
    return or_(Transaction.name_words.op("@@")(prefixes), by_id)


def page(wanted: Filter, *, number: int, size: int) -> Page:
    """One page, newest first; a number beyond the end gives the empty page there."""
    return offset_page(wanted, offset=(number - 1) * size, size=size)


def offset_page(wanted: Filter, *, offset: int, size: int) -> Page:
    """As `page`, from any offset."""
    matching = narrowed(alive(), wanted)
    total = db.session.scalar(select(func.count()).select_from(narrowed(_ids(), wanted).subquery()))
    rows = db.session.scalars(
        matching.order_by(Transaction.created_at.desc(), Transaction.id.desc())
        .offset(offset)
        .limit(size)
    )
    return Page(items=list(rows), total=total or 0, number=offset // size + 1, size=size)


def _ids() -> Select[Transaction]:
    return select(Transaction.id).where(Transaction.deleted_at.is_(None))  # type: ignore[return-value]


def find(key: str) -> Transaction:
    """The transaction that an address names: by transaction_id, or by the row's UUID.

    Raises NotFound, for deleted ones too.
    """
    found = None
    if len(key) <= 100 and "\x00" not in key:
        found = db.session.scalar(alive().where(Transaction.transaction_id == key))
    if found is None:
        row_id = _as_uuid(key)
        found = db.session.scalar(alive().where(Transaction.id == row_id)) if row_id else None
    if found is None:
        raise NotFound()
    return found


def _as_uuid(key: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(key)
    except ValueError:
        return None


def by_id(row_id: uuid.UUID) -> Transaction:
    """The transaction of a row, as it stands now. Raises NotFound, for deleted ones too."""
    found = db.session.scalar(
        alive().where(Transaction.id == row_id).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound()
    return found


def locked(row_id: uuid.UUID) -> Transaction:
    """The transaction, locked until the end of the unit of work. Raises NotFound."""
    found = db.session.scalar(
        select(Transaction)
        .where(Transaction.id == row_id, Transaction.deleted_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound()
    return found


def events_of(row_id: uuid.UUID) -> list[TransactionEvent]:
    """Everything that happened to a transaction, oldest first, with whoever did it."""
    return list(
        db.session.scalars(
            select(TransactionEvent)
            .where(TransactionEvent.transaction_id == row_id)
            .order_by(TransactionEvent.position)
            .options(joinedload(TransactionEvent.actor))
        )
    )


def by_submission(created_by: uuid.UUID | None, submission_key: str) -> Transaction | None:
    """The payment that this form already made, a deleted one too."""
    return db.session.scalar(
        select(Transaction)
        .where(Transaction.created_by == created_by, Transaction.submission_key == submission_key)
        .options(joinedload(Transaction.creator))
    )


def holder_of_reference(
    reference_key: str, transaction_type: TransactionType
) -> Transaction | None:
    """The payment that holds a reference."""
    return db.session.scalar(
        alive().where(
            Transaction.reference_key == reference_key,
            Transaction.transaction_type == transaction_type,
        )
    )


def by_transaction_id(transaction_id: str) -> Transaction | None:
    """The payment with this id, deleted ones too: an id is used once."""
    return db.session.scalar(
        select(Transaction)
        .where(Transaction.transaction_id == transaction_id)
        .options(joinedload(Transaction.creator))
    )


def holders(movements: Collection[str], *, other_than: Transaction) -> dict[str, Transaction]:
    """Which other transactions these movements of the same bank already pay; deleted ones count."""
    if not movements:
        return {}
    rows = db.session.scalars(
        select(Transaction).where(
            Transaction.bank_environment == other_than.bank_environment,
            Transaction.matched_movement.in_(movements),
            Transaction.id != other_than.id,
        )
    )
    return {str(row.matched_movement): row for row in rows}


def waiting_for_review() -> list[Transaction]:
    """What a supervisor must decide, the longest waiting first (at most 200)."""
    return list(
        db.session.scalars(
            alive()
            .where(Transaction.status.in_(DECIDABLE))
            .order_by(Transaction.updated_at, Transaction.id)
            .limit(200)
        )
    )


def count_for_review() -> int:
    """How many payments a supervisor must decide."""
    return (
        db.session.scalar(
            select(func.count()).where(
                Transaction.deleted_at.is_(None), Transaction.status.in_(DECIDABLE)
            )
        )
        or 0
    )


def due(now: datetime) -> Select[Transaction]:
    """What the worker should ask about, the longest overdue first."""
    return (
        select(Transaction)
        .where(
            Transaction.deleted_at.is_(None),
            Transaction.next_check_at <= now,
            or_(Transaction.checking_until.is_(None), Transaction.checking_until <= now),
        )
        .order_by(Transaction.next_check_at)
    )
