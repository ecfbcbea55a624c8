"""Idempotency keys: a key is leased before the work and keeps the answer after it.

Leasing and keeping are units of work of their own, so every process sees them at once. An attempt that dies holds
its key until the lease expires; the work may then be done a second time.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select

from webapp.idempotency.models import IdempotencyKey
from webapp.kernel import clock, one_statement
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l

RETENTION = timedelta(hours=25)
"""How long an answer is kept: a day, and an hour for clocks that differ."""
LEASE_LENGTH = timedelta(seconds=60)
"""How long an attempt holds its key, unless its operation says otherwise."""


# Statements of every request with a key: built once, each a unit of work in one round trip.
_LEASE = """
INSERT INTO idempotency_keys (owner_id, key, route, request_digest, lease, leased_until, created_at, expires_at)
VALUES (%(owner_id)s, %(key)s, %(route)s, %(digest)s, %(lease)s, %(leased_until)s, %(now)s, %(expires_at)s)
ON CONFLICT (owner_id, key) DO UPDATE SET
  route = excluded.route, request_digest = excluded.request_digest, lease = excluded.lease,
  leased_until = excluded.leased_until, created_at = excluded.created_at, expires_at = excluded.expires_at,
  status = NULL, headers = NULL, body = NULL
WHERE idempotency_keys.expires_at <= %(now)s
  OR (idempotency_keys.status IS NULL AND idempotency_keys.leased_until <= %(now)s
    AND idempotency_keys.request_digest = ANY(%(digests)s))
RETURNING lease
"""
_HELD = "owner_id = %(owner_id)s AND key = %(key)s AND lease = %(lease)s"
_KEEP = f"""
UPDATE idempotency_keys SET status = %(status)s, headers = %(headers)s, body = %(body)s, expires_at = %(expires_at)s
WHERE {_HELD} RETURNING lease
"""  # noqa: S608
_RELEASE = f"DELETE FROM idempotency_keys WHERE {_HELD} RETURNING lease"  # noqa: S608


class KeyInFlight(Conflict):
    """The first request with this key is still being processed."""

    code = "idempotency_in_flight"
    sentence = _l(
        "La primera solicitud con esta Idempotency-Key aún se procesa. Repítala en breve."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class KeyReused(Invalid):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    sentence = _l("Esta Idempotency-Key ya se usó con otra solicitud. Use una nueva.")


@dataclass(frozen=True)
class Lease:
    """The right to carry out a request and to keep its answer."""

    owner_id: uuid.UUID
    key: str
    id: uuid.UUID


@dataclass(frozen=True)
class KeptAnswer:
    """The answer to the first request with a key."""

    status: int
    headers: dict[str, str]
    body: bytes


def lease_key(
    *,
    owner_id: uuid.UUID,
    key: str,
    route: str,
    digests: Sequence[str],
    lasting: timedelta = LEASE_LENGTH,
) -> Lease | KeptAnswer:
    """Lease a key for a request, or return the answer that is kept under it.

    `digests` tell one request's content from another's: the first is stored, any of them is recognised.
    Raises KeyInFlight, KeyReused.
    """
    for _attempt in range(3):
        lease = _try_to_lease(owner_id, key, route, digests, lasting)
        if lease is not None:
            return lease
        answer = _kept_answer(owner_id, key, digests)
        if answer is not None:
            return answer
    raise KeyInFlight()


def _kept_answer(owner_id: uuid.UUID, key: str, digests: Sequence[str]) -> KeptAnswer | None:
    """Return the answer under a key; None where the key was released meanwhile. Raises KeyInFlight, KeyReused."""
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
        return None
    if kept.request_digest not in digests:
        raise KeyReused()
    if kept.status is None:
        raise KeyInFlight()
    return KeptAnswer(kept.status, kept.headers or {}, kept.body or b"")


def _try_to_lease(
    owner_id: uuid.UUID, key: str, route: str, digests: Sequence[str], lasting: timedelta
) -> Lease | None:
    """Lease a key that is new, expired, or abandoned by an earlier attempt at the same request; else return None."""
    now = clock.now()
    lease = Lease(owner_id, key, uuid.uuid4())
    values = {
        "owner_id": owner_id,
        "key": key,
        "route": route[:200],
        "digest": digests[0],
        "digests": list(digests),
        "lease": lease.id,
        "leased_until": now + lasting,
        "now": now,
        "expires_at": now + RETENTION,
    }
    return lease if one_statement.run(_LEASE, values) else None


def keep(*, lease: Lease, answer: KeptAnswer) -> None:
    """Keep the answer, which repeated requests get for a day. Without the lease nothing is kept."""
    db.session.rollback()
    values = {
        "status": answer.status,
        "headers": json.dumps(answer.headers),
        "body": answer.body,
        "expires_at": clock.now() + RETENTION,
    }
    one_statement.run(_KEEP, {**_named(lease), **values})


def release(*, lease: Lease) -> None:
    """Forget the key, because nothing was decided: the request may be sent again as if for the first time."""
    db.session.rollback()
    one_statement.run(_RELEASE, _named(lease))


def _named(lease: Lease) -> dict[str, Any]:
    return {"owner_id": lease.owner_id, "key": lease.key, "lease": lease.id}


def forget_expired() -> None:
    """Delete the answers that are no longer kept."""
    db.session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at < clock.now()))
    db.session.commit()


def malformed_key() -> Invalid:
    """Return the refusal of a key that is not 1 to 255 visible ASCII characters."""
    return Invalid(
        _("Idempotency-Key debe tener de 1 a 255 caracteres ASCII visibles."),
        code="idempotency_key_invalid",
    )
