"""Requests that may be sent again: a key is taken before the work and keeps the answer after it.

Taking and completing are units of work of their own, so that every process sees them at once. An attempt
that dies leaves its key taken until the lease ends; the work itself must then bear to be done twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from webapp.idempotency.models import IdempotencyKey
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l

KEPT = timedelta(hours=25)
"""How long an answer can be had again: a day, and an hour for clocks that differ."""
LEASE = timedelta(seconds=60)
"""How long an attempt holds its key without an answer."""


class KeyInFlight(Conflict):
    """The first request with this key is still being worked on."""

    code = "idempotency_in_flight"
    sentence = _l(
        "La primera solicitud con esta Idempotency-Key aún se procesa. Repítala en breve."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class KeyReused(Invalid):
    """The key belongs to another request."""

    code = "idempotency_key_reused"
    sentence = _l("Esta Idempotency-Key ya se usó con otra solicitud. Use una nueva.")


@dataclass(frozen=True)
class Lease:
    """The right to work on a request, and to keep its answer."""

    owner_id: uuid.UUID
    key: str
    id: uuid.UUID


@dataclass(frozen=True)
class KeptAnswer:
    """What the first request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


def take(
    *,
    owner_id: uuid.UUID,
    key: str,
    route: str,
    digests: Sequence[str],
    lasting: timedelta = LEASE,
) -> Lease | KeptAnswer:
    """Return the right to work, or the answer that stands already.

    `digests` tell one request's content from another's: the first is stored, any of them is recognised.
    Raises KeyInFlight, KeyReused.
    """
    for _attempt in range(3):
        lease = _taken(owner_id, key, route, digests, lasting)
        if lease is not None:
            return lease
        kept = db.session.execute(
            select(
                IdempotencyKey.request_digest,
                IdempotencyKey.status,
                IdempotencyKey.headers,
                IdempotencyKey.body,
            ).where(IdempotencyKey.owner_id == owner_id, IdempotencyKey.key == key)
        ).first()
        db.session.rollback()
        if kept is None:
            continue  # freed in this very moment
        if kept.request_digest not in digests:
            raise KeyReused()
        if kept.status is None:
            raise KeyInFlight()
        return KeptAnswer(kept.status, kept.headers or {}, kept.body or b"")
    raise KeyInFlight()


def _taken(
    owner_id: uuid.UUID, key: str, route: str, digests: Sequence[str], lasting: timedelta
) -> Lease | None:
    now = clock.now()
    lease = Lease(owner_id, key, uuid.uuid4())
    row = insert(IdempotencyKey).values(
        owner_id=owner_id,
        key=key,
        route=route[:200],
        request_digest=digests[0],
        lease=lease.id,
        leased_until=now + lasting,
        created_at=now,
        expires_at=now + KEPT,
    )
    fields = ("route", "request_digest", "lease", "leased_until", "created_at", "expires_at")
    abandoned = and_(
        IdempotencyKey.status.is_(None),
        IdempotencyKey.leased_until <= now,
        IdempotencyKey.request_digest.in_(digests),
    )
    taken = db.session.execute(
        row.on_conflict_do_update(
            index_elements=["owner_id", "key"],
            set_={
                **{name: row.excluded[name] for name in fields},
                "status": None,
                "headers": None,
                "body": None,
            },
            where=or_(IdempotencyKey.expires_at <= now, abandoned),
        ).returning(IdempotencyKey.lease)
    ).scalar()
    db.session.commit()
    return lease if taken == lease.id else None


def keep(*, lease: Lease, answer: KeptAnswer) -> None:
    """The work is done: whoever repeats the request gets this answer for a day."""
    db.session.rollback()
    db.session.execute(
        update(IdempotencyKey)
        .where(_own(lease))
        .values(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            expires_at=clock.now() + KEPT,
        )
    )
    db.session.commit()


def free(*, lease: Lease) -> None:
    """Nothing was decided: the request may be sent again as if for the first time."""
    db.session.rollback()
    db.session.execute(delete(IdempotencyKey).where(_own(lease)))
    db.session.commit()


def _own(lease: Lease) -> ColumnElement[bool]:
    return and_(
        IdempotencyKey.owner_id == lease.owner_id,
        IdempotencyKey.key == lease.key,
        IdempotencyKey.lease == lease.id,
    )


def forget_expired() -> None:
    """Delete the answers whose time is over."""
    db.session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at < clock.now()))
    db.session.commit()


def wrong_key() -> Invalid:
    """The refusal of a key that is none."""
    return Invalid(
        _("Idempotency-Key debe tener de 1 a 255 caracteres ASCII visibles."),
        code="idempotency_key_invalid",
    )
