"""What pages, API, worker and reports read of transactions: each loads all that its reader needs."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select, text, tuple_
from sqlalchemy.orm import joinedload

from webapp.accounts.models import ApiKey
from webapp.banking.gateway import TransactionType
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import NotFound
from webapp.transactions import identifiers
from webapp.transactions.filtering import Filter
from webapp.transactions.lifecycle import DECIDABLE
from webapp.transactions.models import Transaction, TransactionEvent
from webapp.transactions.totals import queries as totals

NEWEST_FIRST = (Transaction.created_at.desc(), Transaction.id.desc())
WALKED = 500
"""Rows that a list walks to reach an offset; farther ones are found by the kept totals."""


@dataclass(frozen=True)
class Page:
    """One page of a list, and how long the whole list is."""

    items: list[Transaction]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        """Return how many pages the whole list has."""
        return -(-self.total // self.size)


def alive() -> Select[Transaction]:
    """Select the transactions that were not deleted, each with its creator."""
    return (
        select(Transaction)
        .where(Transaction.deleted_at.is_(None))
        .options(joinedload(Transaction.creator))
    )


def narrowed(query: Select[Any], wanted: Filter) -> Select[Any]:
    """Add the filter's conditions to a query."""
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
    """Match the beginnings of the words of a name, or a reference or id as written.

    No name has a digit and no reference a letter, so one index answers where a digit stands.
    """
    words = identifiers.searchable(text).split()
    by_id = Transaction.transaction_id == text.strip()
    if not words or any(character.isdigit() for character in text):
        return or_(Transaction.reference == text.strip(), by_id)
    prefixes = func.to_tsquery("simple", " & ".join(f"{word}:*" for word in words[:10]))
    return or_(Transaction.name_words.op("@@")(prefixes), by_id)


def page(wanted: Filter, *, number: int, size: int) -> Page:
    """Return one page, newest first; a number beyond the end gives an empty page."""
    return offset_page(wanted, offset=(number - 1) * size, size=size)


def offset_page(wanted: Filter, *, offset: int, size: int) -> Page:
    """Return a page as `page` does, from any offset; kept totals spare counting and walking there."""
    total = count(wanted)
    rows: list[Transaction] = []
    if offset < total:
        spread = spread_of(wanted, offset)
        query = spread.narrow(narrowed(alive(), wanted)).order_by(*NEWEST_FIRST)
        rows = list(db.session.scalars(query.offset(spread.offset).limit(size)))
    return Page(items=rows, total=total, number=offset // size + 1, size=size)


@dataclass(frozen=True)
class Spread:
    """Where the rows of a page stand: behind `offset` others, of all or of those logged until a day."""

    offset: int
    until: date | None = None

    def narrow(self, query: Select[Any]) -> Select[Any]:
        """Let a query look for rows there only."""
        if self.until is None:
            return query
        return query.where(Transaction.created_at < clock.end_of_day(self.until))


def spread_of(wanted: Filter, offset: int) -> Spread:
    """Return where the rows from an offset on stand."""
    if offset > WALKED and wanted.is_kept:
        spot = totals.spot(
            wanted.dimensions, offset, from_day=wanted.from_date, to_day=wanted.to_date
        )
        if spot is not None:
            return Spread(spot.offset, until=spot.day)
    return Spread(offset)


def versions_on_page(
    wanted: Filter, *, number: int, size: int
) -> tuple[int, list[tuple[uuid.UUID, int]]]:
    """Return how long the list is, and the ids and versions on a page: all by which a reader knows that it changed."""
    total = count(wanted)
    columns = select(Transaction.id, Transaction.version).where(Transaction.deleted_at.is_(None))
    query = narrowed(columns, wanted).order_by(*NEWEST_FIRST)  # type: ignore[arg-type]
    rows: Any = db.session.execute(query.offset((number - 1) * size).limit(size))
    return total, [(row.id, row.version) for row in rows]


def count(wanted: Filter) -> int:
    """Return how many payments a filter finds, exactly: kept, or counted where few can match."""
    if wanted.is_kept:
        kept = totals.total(wanted.dimensions, from_day=wanted.from_date, to_day=wanted.to_date)
        return kept.payments
    found = select(func.count()).select_from(narrowed(_ids(), wanted).subquery())
    return db.session.scalar(found) or 0


@dataclass(frozen=True)
class Place:
    """A place in the list, right after a row, which rows inserted later do not move."""

    created_at: datetime
    row_id: uuid.UUID


def place_of(transaction: Transaction | Row[Any]) -> Place:
    """Return the place right after a row."""
    return Place(transaction.created_at, transaction.id)


def rows_after(wanted: Filter, place: Place | None, *, size: int) -> tuple[list[Transaction], bool]:
    """Return the rows after a place (None: from the newest), newest first, and whether more follow.

    Rows that are inserted meanwhile are newer than the place: no row comes twice, none is skipped.
    """
    rows = list(db.session.scalars(following(alive(), wanted, place, size=size)))
    return rows[:size], len(rows) > size


def following(query: Select[Any], wanted: Filter, place: Place | None, *, size: int) -> Select[Any]:
    """Let a query find the rows that follow a place, and one more, which tells whether there are more."""
    query = narrowed(query, wanted).order_by(*NEWEST_FIRST).limit(size + 1)
    return query if place is None else query.where(_behind(place))


def _behind(place: Place) -> ColumnElement[bool]:
    return tuple_(Transaction.created_at, Transaction.id) < (place.created_at, place.row_id)


def _ids() -> Select[Transaction]:
    return select(Transaction.id).where(Transaction.deleted_at.is_(None))  # type: ignore[return-value]


def find(key: str) -> Transaction:
    """Return the transaction that an address names: by the row's UUID, else by transaction_id.

    The UUID comes first, so that no transaction_id can stand in its place. Raises NotFound, for deleted ones too.
    """
    row_id = as_uuid(key)
    found = db.session.scalar(alive().where(Transaction.id == row_id)) if row_id else None
    if found is None and may_be_transaction_id(key):
        found = db.session.scalar(alive().where(Transaction.transaction_id == key))
    if found is None:
        raise NotFound()
    return found


def as_uuid(key: str) -> uuid.UUID | None:
    """Return the key as the id of a row, or None where it is no UUID."""
    try:
        return uuid.UUID(key)
    except ValueError:
        return None


def may_be_transaction_id(key: str) -> bool:
    """Tell whether a transaction_id could be spelled so; the database cannot even compare other texts."""
    return len(key) <= 100 and "\x00" not in key


def by_id(row_id: uuid.UUID) -> Transaction:
    """Return the transaction of a row, as it stands now. Raises NotFound, for deleted ones too."""
    found = db.session.scalar(
        alive().where(Transaction.id == row_id).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound()
    return found


def locked(row_id: uuid.UUID) -> Transaction:
    """Lock a transaction until the end of the unit of work. Raises NotFound, for deleted ones too."""
    found = db.session.scalar(
        select(Transaction)
        .where(Transaction.id == row_id, Transaction.deleted_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound()
    return found


def locked_holder(row_id: uuid.UUID) -> Transaction:
    """Lock a transaction, a deleted one too, until the end of the unit of work."""
    return db.session.scalars(
        select(Transaction)
        .where(Transaction.id == row_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def ended_by(row_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, set[uuid.UUID]]:
    """Return by row id the people (ids) who count as having deleted or rejected each of these transactions.

    Who made the key with which that was done counts as well.
    """
    about = TransactionEvent.metadata_
    ending = or_(about["deleted"].as_boolean(), about["decision"].as_string() == "reject")
    found: dict[uuid.UUID, set[uuid.UUID]] = {row_id: set() for row_id in row_ids}
    rows = db.session.execute(
        select(TransactionEvent.transaction_id, TransactionEvent.actor_id, ApiKey.makers)
        .outerjoin(ApiKey, ApiKey.id == TransactionEvent.key_id)
        .where(TransactionEvent.transaction_id.in_(row_ids), ending)
    )
    for row_id, actor_id, makers in rows:
        found[row_id] |= {one for one in (actor_id, *(makers or ())) if one is not None}
    return found


def named(transaction_ids: Collection[str]) -> list[Transaction]:
    """Return the transactions with these transaction_ids, deleted ones included."""
    query = select(Transaction).where(Transaction.transaction_id.in_(transaction_ids))
    return list(db.session.scalars(query.order_by(Transaction.created_at)))


def events_of(row_id: uuid.UUID) -> list[TransactionEvent]:
    """Return the events of a transaction, oldest first, each with the person and the key that acted."""
    return list(
        db.session.scalars(
            select(TransactionEvent)
            .where(TransactionEvent.transaction_id == row_id)
            .order_by(TransactionEvent.position)
            .options(joinedload(TransactionEvent.actor), joinedload(TransactionEvent.key))
        )
    )


def by_submission(created_by: uuid.UUID | None, submission_key: str) -> Transaction | None:
    """Return the payment that this form already made, a deleted one too; else None."""
    return db.session.scalar(
        select(Transaction)
        .where(Transaction.created_by == created_by, Transaction.submission_key == submission_key)
        .options(joinedload(Transaction.creator))
    )


def holder_of_reference(
    reference_key: str, transaction_type: TransactionType, *, bank_environment: str
) -> Transaction | None:
    """Return the payment that holds a reference among those of one environment of the bank, or None."""
    return db.session.scalar(
        alive().where(
            Transaction.bank_environment == bank_environment,
            Transaction.reference_key == reference_key,
            Transaction.transaction_type == transaction_type,
        )
    )


def by_transaction_id(transaction_id: str) -> Transaction | None:
    """Return the payment with this transaction_id, a deleted one too, for an id is used once; else None."""
    return db.session.scalar(
        select(Transaction)
        .where(Transaction.transaction_id == transaction_id)
        .options(joinedload(Transaction.creator))
    )


def movement_holders(
    tails: Collection[str], identities: Collection[str], *, other_than: Transaction
) -> list[Transaction]:
    """Return the other transactions of the same environment that such movements pay, deleted ones included."""
    if not tails:
        return []
    query = select(Transaction).where(
        or_(
            Transaction.movement_tail.in_(tails),
            Transaction.matched_movement.in_(identities),
        ),
        Transaction.bank_environment == other_than.bank_environment,
        Transaction.id != other_than.id,
    )
    return list(db.session.scalars(query.order_by(Transaction.created_at)))


def lock_tails(tails: Collection[str]) -> None:
    """Let one unit of work at a time decide about movements with these tails."""
    for tail in sorted(set(tails)):
        db.session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 8))"),
            {"key": f"movement:{tail}"},
        )


def waiting_since() -> ColumnElement[datetime]:
    """Select when a payment began to wait for a supervisor, by which the queue's index is ordered."""
    return func.coalesce(Transaction.review_since, Transaction.updated_at)


def waiting_for_review(*, most: int = 200) -> list[tuple[Transaction, datetime]]:
    """Return what a supervisor must decide and since when it waits, the longest first, at most so many."""
    since = waiting_since().label("since")
    rows = db.session.execute(
        alive()
        .add_columns(since)
        .where(Transaction.status.in_(DECIDABLE))
        .order_by(since, Transaction.id)
        .limit(most)
    )
    return [(row[0], row[1]) for row in rows]


def count_for_review() -> int:
    """Return how many payments a supervisor must decide."""
    return totals.total({"status": DECIDABLE}).payments


def due(now: datetime, *, bank_environment: str) -> Select[Transaction]:
    """Select what the worker should ask one environment of the bank about, the longest overdue first."""
    return (
        select(Transaction)
        .where(
            Transaction.deleted_at.is_(None),
            Transaction.bank_environment == bank_environment,
            Transaction.next_check_at <= now,
            or_(Transaction.checking_until.is_(None), Transaction.checking_until <= now),
        )
        .order_by(Transaction.next_check_at)
    )
