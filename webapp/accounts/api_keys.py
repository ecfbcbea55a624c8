"""Keys for machines: shown once, kept as a digest, limited in scope and time, revocable."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

from psycopg2.errors import UniqueViolation
from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError

from webapp.accounts import queries, trail
from webapp.accounts.actions import AccountAction
from webapp.accounts.models import ApiKey, User
from webapp.accounts.queries import KeyHolder, hash_token
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Invalid, NotFound
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.permissions import SYSTEM, Actor, Permission

MARK = "amp_"
"""How every key begins: it tells a key from a token, and leaked ones can be searched for."""
DEFAULT_DAYS = 365
MAX_DAYS = 1095
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class IssuedKey:
    """A new key; the secret is known here, now, and never again."""

    key: ApiKey
    secret: str


class KeyNameTaken(Conflict):
    """A user's keys in use have different names, or nobody knows which one to revoke."""

    code = "key_name_taken"
    sentence = _l("Este usuario ya tiene una llave vigente con ese nombre.")


def issue(
    *,
    actor: Actor,
    user_id: uuid.UUID,
    name: str,
    permissions: frozenset[Permission] | None = None,
    expires_in_days: int = DEFAULT_DAYS,
) -> IssuedKey:
    """Make a key for a user, for the permissions given (default: all that the user has now).

    Raises NotFound, Invalid with sentences by field, KeyNameTaken.
    """
    _require_administration(actor)
    user = queries.find_user(user_id)
    name = " ".join(name.split())
    scope = user.permissions if permissions is None else permissions
    errors = _problems(user, name, scope, expires_in_days)
    if errors:
        raise Invalid(errors=errors)
    prefix = f"{MARK}{secrets.token_hex(5)}"
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    now = clock.now()
    key = ApiKey(
        id=uuid.uuid4(),
        user_id=user.id,
        name=name,
        prefix=prefix,
        key_hash=hash_token(secret),
        permissions=sorted(scope),
        created_by=actor.id,
        created_at=now,
        expires_at=now + timedelta(days=expires_in_days),
    )
    _note(key, actor, AccountAction.KEY_CREATED)
    db.session.add(key)
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        taken = isinstance(error.orig, UniqueViolation) and (
            error.orig.diag.constraint_name == "uq_api_keys_name_in_use"
        )
        if not taken:
            raise
        raise KeyNameTaken() from None
    return IssuedKey(key=key, secret=secret)


def _problems(
    user: User, name: str, scope: frozenset[Permission], days: int
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if not 1 <= len(name) <= 100 or not name.isprintable():
        found["name"] = [_("Escriba un nombre que diga quién usará la llave (hasta 100 letras).")]
    if not scope:
        found["permissions"] = [_("Elija al menos un permiso.")]
    elif scope - user.permissions:
        missing = ", ".join(sorted(scope - user.permissions))
        found["permissions"] = [_("Este usuario no tiene: %(missing)s.", missing=missing)]
    if not 1 <= days <= MAX_DAYS:
        sentence = _("Debe ser un número de %(least)s a %(most)s.", least=1, most=MAX_DAYS)
        found["expires_in_days"] = [sentence]
    return found


def revoke(*, actor: Actor, user_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """End a key: it opens nothing from now on. Twice is the same as once. Raises NotFound."""
    _require_administration(actor)
    key = db.session.get(ApiKey, key_id, with_for_update=True, populate_existing=True)
    if key is None or key.user_id != user_id:
        raise NotFound()
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        _note(key, actor, AccountAction.KEY_REVOKED)
    db.session.commit()


def _require_administration(actor: Actor) -> None:
    if actor is not SYSTEM:
        actor.require(Permission.ADMIN_ACCESS)


def _note(key: ApiKey, actor: Actor, action: AccountAction) -> None:
    changes = {
        "name": key.name,
        "prefix": key.prefix,
        "permissions": list(key.permissions),
        "expires_at": key.expires_at.isoformat(),
    }
    trail.record(user_id=key.user_id, actor=actor, action=action, changes=changes)


def touch(*, holder: KeyHolder) -> None:
    """Remember that the key is in use, at most once a minute."""
    now = clock.now()
    if holder.last_used_at is not None and now - holder.last_used_at <= _TOUCH_EVERY:
        return
    # Asked again of the row: of many requests that come together one writes.
    stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - _TOUCH_EVERY)
    db.session.execute(
        update(ApiKey).where(ApiKey.id == holder.key_id, stale).values(last_used_at=now)
    )
    db.session.commit()
