"""What a key may do at this moment, as requests and administrators need it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased, contains_eager, joinedload

from webapp.accounts.models import ApiKey, PermissionRow, User, UserPermission
from webapp.accounts.queries import KeyHolder, hash_token
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.permissions import Actor, ActorType, Permission


def key_holder(secret: str, *, may_review: bool) -> KeyHolder | None:
    """Return as whom a key acts, or None where it opens nothing; `may_review` is API_KEYS_MAY_REVIEW."""
    row = db.session.execute(
        select(ApiKey, _makers_grants())
        .join(ApiKey.user)
        .options(
            contains_eager(ApiKey.user)
            .selectinload(User.grants)
            .joinedload(UserPermission.permission)
        )
        .where(
            ApiKey.key_hash == hash_token(secret),
            ApiKey.revoked_at.is_(None),
            ApiKey.expires_at > clock.now(),
            User.is_active,
            User.deleted_at.is_(None),
        )
    ).first()
    if row is None:
        return None
    found: ApiKey = row[0]
    actor = Actor(
        id=found.user_id,
        name=found.user.full_name,
        permissions=_in_force(found, row[1], may_review=may_review),
        type=ActorType.EXTERNAL,
        key_id=found.id,
        key_makers=frozenset(found.makers),
    )
    return KeyHolder(
        key_id=found.id,
        user_id=found.user_id,
        email=found.user.email,
        full_name=found.user.full_name,
        role=found.user.role,
        actor=actor,
        last_used_at=found.last_used_at,
    )


def _makers_grants() -> ColumnElement[list[str] | None]:
    """Select the permissions of a key's active makers, each as `maker permission`, as a column of the key's own query."""
    maker = aliased(User)
    return (
        select(func.array_agg(func.concat(maker.id, " ", PermissionRow.name)))
        .select_from(maker)
        .join(UserPermission, UserPermission.user_id == maker.id)
        .join(UserPermission.permission)
        .where(maker.id == ApiKey.makers.any_(), maker.is_active, maker.deleted_at.is_(None))
        .correlate(ApiKey)
        .scalar_subquery()
    )


def _in_force(
    key: ApiKey, makers_grants: list[str] | None, *, may_review: bool
) -> frozenset[Permission]:
    """Return what a key may do now: what it was made for, as far as its user and all its makers may do it now."""
    may = key.scope & key.user.permissions
    if not may_review:
        may -= {Permission.TRANSACTION_REVIEW}
    held = set(makers_grants or ())
    return frozenset(
        one for one in may if held.issuperset(f"{maker} {one.value}" for maker in key.makers)
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
    return [ListedKey(row[0], _in_force(row[0], row[1], may_review=may_review)) for row in rows]


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
