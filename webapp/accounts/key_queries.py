"""What a key may do at this moment, as requests and administrators need it."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.orm import aliased, joinedload

from webapp.accounts.models import ApiKey, PermissionRow, User, UserPermission
from webapp.accounts.queries import KeyHolder, grants_of, hash_token
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.permissions import Actor, ActorType, Permission, permissions_named


def _makers_grants() -> ColumnElement[list[str] | None]:
    """Select the permissions of a key's active makers, each as `maker permission`, as a column of the key's own query."""
    maker = aliased(User)
    return (
        select(func.array_agg(func.concat(maker.id, " ", PermissionRow.name)))
        .select_from(maker)
        .join(UserPermission, UserPermission.user_id == maker.id)
        .join(PermissionRow, PermissionRow.id == UserPermission.permission_id)
        .where(maker.id == ApiKey.makers.any_(), maker.is_active, maker.deleted_at.is_(None))
        .correlate(ApiKey)
        .scalar_subquery()
    )


_keys, _people = ApiKey.__table__.c, User.__table__.c
# Asked for every request of a program, as `queries.open_session` is: columns, in a statement that is built once.
_KEY_HOLDER = (
    select(
        _keys.id,
        _keys.user_id,
        _keys.permissions,
        _keys.makers,
        _keys.last_used_at,
        _people.email,
        _people.full_name,
        _people.role,
        grants_of(_keys.user_id).label("grants"),
        _makers_grants().label("makers_grants"),
    )
    .select_from(ApiKey.__table__.join(User.__table__, _people.id == _keys.user_id))
    .where(
        _keys.key_hash == bindparam("digest"),
        _keys.revoked_at.is_(None),
        _keys.expires_at > bindparam("now"),
        _people.is_active,
        _people.deleted_at.is_(None),
    )
)


def key_holder(secret: str, *, may_review: bool) -> KeyHolder | None:
    """Return as whom a key acts, or None where it opens nothing; `may_review` is API_KEYS_MAY_REVIEW."""
    found = db.read(_KEY_HOLDER, {"digest": hash_token(secret), "now": clock.now()}).first()
    if found is None:
        return None
    granted = permissions_named(found.grants)
    permissions = _in_force(
        frozenset(one for one in granted if one.value in found.permissions),
        found.makers,
        found.makers_grants,
        may_review=may_review,
    )
    return KeyHolder(
        key_id=found.id,
        user_id=found.user_id,
        email=found.email,
        full_name=found.full_name,
        role=found.role,
        actor=Actor(
            id=found.user_id,
            name=found.full_name,
            permissions=permissions,
            type=ActorType.EXTERNAL,
            key_id=found.id,
            key_makers=frozenset(found.makers),
        ),
        last_used_at=found.last_used_at,
    )


def _in_force(
    may: frozenset[Permission],
    makers: Collection[uuid.UUID],
    makers_grants: list[str] | None,
    *,
    may_review: bool,
) -> frozenset[Permission]:
    """Return what a key may do now, of what its scope and its user allow: what all its makers may do now."""
    if not may_review:
        may -= {Permission.TRANSACTION_REVIEW}
    held = set(makers_grants or ())
    return frozenset(
        one for one in may if held.issuperset(f"{maker} {one.value}" for maker in makers)
    )


@dataclass(frozen=True)
class ListedKey:
    """A key as administrators see it, with what it may do now."""

    key: ApiKey
    in_force: frozenset[Permission]

    @property
    def idle(self) -> frozenset[Permission]:
        """What the key was made for and may not do now."""
        return self.key.scope - self.in_force


def listed_keys_of(user_id: uuid.UUID, *, may_review: bool) -> list[ListedKey]:
    """Return all keys of a user with what each may do now, the newest first; revoked ones too."""
    rows = db.session.execute(
        select(ApiKey, _makers_grants())
        .options(
            joinedload(ApiKey.maker),
            joinedload(ApiKey.user).selectinload(User.grants).joinedload(UserPermission.permission),
        )
        .where(ApiKey.user_id == user_id)
        .order_by(ApiKey.created_at.desc(), ApiKey.id)
    )
    return [
        ListedKey(
            key,
            _in_force(
                key.scope & key.user.permissions, key.makers, makers_grants, may_review=may_review
            ),
        )
        for key, makers_grants in rows
    ]


def keys_depending_on(user_id: uuid.UUID) -> list[ApiKey]:
    """Return the keys in use of other users that this user made: they open nothing once the user is inactive."""
    return list(
        db.session.scalars(
            select(ApiKey)
            .options(joinedload(ApiKey.user))
            .where(
                ApiKey.makers.contains([user_id]),
                ApiKey.user_id != user_id,
                ApiKey.revoked_at.is_(None),
                ApiKey.expires_at > clock.now(),
            )
            .order_by(ApiKey.name, ApiKey.id)
        )
    )
