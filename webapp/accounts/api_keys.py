"""Keys for programs: shown once, stored as a digest, limited in scope and time, revocable."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.errors import UniqueViolation
from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError

from webapp.accounts import grants, queries, trail
from webapp.accounts.actions import AccountAction
from webapp.accounts.models import ApiKey, User
from webapp.accounts.queries import KeyHolder, hash_token
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Forbidden, Invalid, NotFound, NotSignedIn
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.permissions import SYSTEM, Actor, Permission

MARK = "amp_"
"""How every key begins: it tells a key from a token, and makes leaked keys easy to search for."""
DEFAULT_DAYS = 365
MAX_DAYS = 1095
REVIEWING = frozenset({Permission.TRANSACTION_REVIEW})
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class IssuedKey:
    """A new key with its secret, which is shown once and never stored."""

    key: ApiKey
    secret: str


class KeyMayNotReview(Forbidden):
    """The key would decide payments, and the setting API_KEYS_MAY_REVIEW is off."""

    code = "key_may_not_review"
    sentence = _l(
        "Las llaves no deciden pagos en esta instalación: API_KEYS_MAY_REVIEW está apagado."
    )


class KeyNameTaken(Conflict):
    """Another key in use of the same user has this name, so nobody could tell which one to revoke."""

    code = "key_name_taken"
    sentence = _l("Este usuario ya tiene una llave vigente con ese nombre.")


def issue(
    *,
    actor: Actor,
    user_id: uuid.UUID,
    name: str,
    permissions: frozenset[Permission] | None = None,
    expires_in_days: int | None = None,
    may_review: bool = False,
) -> IssuedKey:
    """Make a key for a user.

    `permissions` default to all that the user and the actor may do now, `expires_in_days` to DEFAULT_DAYS; a key
    made with a key ends with it at the latest. `may_review` as the setting API_KEYS_MAY_REVIEW says. Raises
    NotFound, Invalid with sentences by field, BeyondOwnPermissions, KeyMayNotReview, BeyondOwnKey, KeyNameTaken.
    """
    _require_administration(actor)
    user = queries.find_user(user_id)
    name = " ".join(name.split())
    held = grants.held_now(actor)
    scope = permissions
    if scope is None:
        scope = user.permissions & (held if may_review else held - REVIEWING)
    errors = _field_errors(user, name, scope, expires_in_days)
    if errors:
        raise Invalid(errors=errors)
    if scope & REVIEWING and not may_review:
        raise KeyMayNotReview()
    grants.require_within(held, scope)
    issued = _new_key(actor, user, name, scope, expires_in_days)
    _record(issued.key, actor, AccountAction.KEY_CREATED)
    db.session.add(issued.key)
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        if _is_name_taken(error):
            raise KeyNameTaken() from None
        raise
    return issued


def _new_key(
    actor: Actor, user: User, name: str, scope: frozenset[Permission], days: int | None
) -> IssuedKey:
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
        makers=sorted(actor.eyes),
        made_with=actor.key_id,
        created_at=now,
        expires_at=_expiry(actor, now, days),
    )
    return IssuedKey(key=key, secret=secret)


def _is_name_taken(error: IntegrityError) -> bool:
    return isinstance(error.orig, UniqueViolation) and (
        error.orig.diag.constraint_name == "uq_api_keys_name_in_use"
    )


def _expiry(actor: Actor, now: datetime, days: int | None) -> datetime:
    """Return when a key that the actor makes ends. Raises BeyondOwnKey, NotSignedIn where the actor's own key ended."""
    wanted = now + timedelta(days=DEFAULT_DAYS if days is None else days)
    if actor.key_id is None:
        return wanted
    # Locked, so that a revocation of that key either comes first or finds the new one.
    own = db.session.get(
        ApiKey, actor.key_id, with_for_update={"read": True}, populate_existing=True
    )
    if own is None or own.revoked_at is not None:
        raise NotSignedIn(code="invalid_token")
    if wanted > own.expires_at and days is not None:
        raise grants.BeyondOwnKey()
    return min(wanted, own.expires_at)


def _field_errors(
    user: User, name: str, scope: frozenset[Permission], days: int | None
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if not 1 <= len(name) <= 100 or not name.isprintable():
        found["name"] = [_("Escriba un nombre que diga quién usará la llave (hasta 100 letras).")]
    if not scope:
        found["permissions"] = [_("Elija al menos un permiso.")]
    elif scope - user.permissions:
        missing = ", ".join(sorted(scope - user.permissions))
        found["permissions"] = [_("Este usuario no tiene: %(missing)s.", missing=missing)]
    if days is not None and not 1 <= days <= MAX_DAYS:
        sentence = _("Debe ser un número de %(least)s a %(most)s.", least=1, most=MAX_DAYS)
        found["expires_in_days"] = [sentence]
    return found


def revoke(*, actor: Actor, user_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """End a key, and every key that was made with it, at once.

    Twice is the same as once. Raises NotFound.
    """
    _require_administration(actor)
    key = db.session.get(ApiKey, key_id, with_for_update=True, populate_existing=True)
    if key is None or key.user_id != user_id:
        raise NotFound()
    ending = [key]
    while ending:
        for one in ending:
            if one.revoked_at is None:
                one.revoked_at = clock.now()
                _record(one, actor, AccountAction.KEY_REVOKED)
        ending = queries.locked_keys_made_with({one.id for one in ending})
    db.session.commit()


def _require_administration(actor: Actor) -> None:
    if actor is not SYSTEM:
        actor.require(Permission.ADMIN_ACCESS)


def _record(key: ApiKey, actor: Actor, action: AccountAction) -> None:
    changes = {
        "name": key.name,
        "prefix": key.prefix,
        "permissions": list(key.permissions),
        "expires_at": key.expires_at.isoformat(),
    }
    trail.record(user_id=key.user_id, actor=actor, action=action, changes=changes)


def touch(*, holder: KeyHolder) -> None:
    """Note when the key was last used, to the minute."""
    now = clock.now()
    if holder.last_used_at is not None and now - holder.last_used_at <= _TOUCH_EVERY:
        return
    # The row is asked again, so that of many requests at the same moment only one writes.
    stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - _TOUCH_EVERY)
    db.session.execute(
        update(ApiKey).where(ApiKey.id == holder.key_id, stale).values(last_used_at=now)
    )
    db.session.commit()
