"""The evidence as people read it: the calls of one payment, the list, and what needs an operator."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, case, column, false, func, or_, select, table, tuple_

from webapp.banking.gateway import Outcome, Trouble
from webapp.banking.models import BankCall
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import NotFound

NEWEST_OF_ONE = 50
SILENCES = frozenset(
    {Outcome.UNAVAILABLE, Outcome.RATE_LIMITED, Outcome.UNREADABLE, Outcome.REFUSED}
)
RECENT = timedelta(hours=24)

# The calls name payments by their row; people know them by their transaction_id.
_PAYMENTS = table("transactions", column("id"), column("transaction_id"))


@dataclass(frozen=True)
class CallFilter:
    """What the list is narrowed to. Dates are days in Caracas; both are included."""

    environment: str | None = None
    dialect: str | None = None
    operation: str | None = None
    outcome: str | None = None
    transaction_id: str | None = None
    """A payment's transaction_id, or its row's UUID."""
    from_date: date | None = None
    to_date: date | None = None


@dataclass(frozen=True)
class Mark:
    """The last call of a page: the next page begins with older ones."""

    requested_at: datetime
    call_id: uuid.UUID


@dataclass(frozen=True)
class CallPage:
    """One page, newest first, and the mark of the next one, if there is one."""

    items: list[BankCall]
    next: Mark | None


@dataclass(frozen=True)
class TroubleSeen:
    """How often a trouble was seen in the last 24 hours, and when last."""

    kind: Trouble
    environment: str
    count: int
    last_at: datetime


def of_payment(transaction_row: uuid.UUID) -> list[BankCall]:
    """Return the newest calls made for one payment, at most 50, newest first."""
    return list(
        db.session.scalars(
            select(BankCall)
            .where(BankCall.transaction_id == transaction_row)
            .order_by(BankCall.requested_at.desc(), BankCall.id.desc())
            .limit(NEWEST_OF_ONE)
        )
    )


def last_silence(transaction_row: uuid.UUID) -> tuple[Outcome, datetime] | None:
    """Return how and when the newest call for a payment ended, where it ended without an answer."""
    newest = db.session.execute(
        select(BankCall.outcome, BankCall.requested_at)
        .where(BankCall.transaction_id == transaction_row, BankCall.outcome.is_not(None))
        .order_by(BankCall.requested_at.desc(), BankCall.id.desc())
        .limit(1)
    ).first()
    if newest is None or newest.outcome not in SILENCES:
        return None
    return Outcome(newest.outcome), newest.requested_at


def page(wanted: CallFilter, *, before: Mark | None, size: int) -> CallPage:
    """Return a page of calls older than the mark; its cost does not grow with the list."""
    query = _narrowed(select(BankCall), wanted)
    if before is not None:
        mark = tuple_(before.requested_at, before.call_id)
        query = query.where(tuple_(BankCall.requested_at, BankCall.id) < mark)
    ordered = query.order_by(BankCall.requested_at.desc(), BankCall.id.desc())
    rows = list(db.session.scalars(ordered.limit(size + 1)))
    items = rows[:size]
    more = len(rows) > size
    return CallPage(items, Mark(items[-1].requested_at, items[-1].id) if more else None)


def _narrowed(query: Select[BankCall], wanted: CallFilter) -> Select[BankCall]:
    exact = {
        BankCall.environment: wanted.environment,
        BankCall.dialect: wanted.dialect,
        BankCall.operation: wanted.operation,
        BankCall.outcome: wanted.outcome,
    }
    query = query.where(*(field == value for field, value in exact.items() if value is not None))
    if wanted.transaction_id:
        row = _row_of(wanted.transaction_id)
        query = query.where(BankCall.transaction_id == row if row else false())
    if wanted.from_date:
        query = query.where(BankCall.requested_at >= clock.start_of_day(wanted.from_date))
    if wanted.to_date:
        query = query.where(BankCall.requested_at < clock.end_of_day(wanted.to_date))
    return query


def _row_of(key: str) -> uuid.UUID | None:
    """Return the row that an identifier names; looked up first, so that the list needs one index only."""
    found: uuid.UUID | None = db.session.scalar(
        select(_PAYMENTS.c.id).where(_PAYMENTS.c.transaction_id == key)
    )
    if found is None:
        try:
            return uuid.UUID(key)
        except ValueError:
            return None
    return found


def find(call_id: uuid.UUID) -> BankCall:
    """Return one call. Raises NotFound."""
    call = db.session.get(BankCall, call_id)
    if call is None:
        raise NotFound()
    return call


def troubles() -> list[TroubleSeen]:
    """Return the troubles of the last 24 hours that need an operator, the most recent first."""
    kind = case(
        (BankCall.outcome == Outcome.UNREADABLE.value, Trouble.UNREADABLE.value),
        (_about_credentials(), Trouble.CREDENTIALS.value),
        else_=Trouble.QUESTION.value,
    )
    last_at = func.max(BankCall.requested_at)
    rows = db.session.execute(
        select(kind, BankCall.environment, func.count(), last_at)
        .where(
            BankCall.outcome.in_([Outcome.REFUSED.value, Outcome.UNREADABLE.value]),
            BankCall.requested_at > clock.now() - RECENT,
        )
        .group_by(kind, BankCall.environment)
        .order_by(last_at.desc())
    )
    return [TroubleSeen(Trouble(row[0]), row[1], row[2], row[3]) for row in rows]


def _about_credentials() -> ColumnElement[bool]:
    """Select refused tokens, and questions refused as not authorised (VRN01: BANESCO.md)."""
    return or_(
        BankCall.operation == "token",
        BankCall.http_status.in_([401, 403]),
        BankCall.bank_code == "VRN01",
    )
