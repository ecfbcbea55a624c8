"""What the pages, the API and the command line read of users, sessions and keys."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import joinedload, selectinload

from webapp.accounts.models import (
    AccountEvent,
    ApiKey,
    PermissionRow,
    RefreshToken,
    User,
    UserPermission,
    UserSession,
)
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import NotFound
from webapp.kernel.permissions import Actor, Permission, Role, actor_type, permissions_named

ACTIVE_WITHIN = timedelta(minutes=15)


def hash_token(token: str) -> str:
    """Return what is stored of a random token or key: its SHA-256, in hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _users() -> Select[User]:
    return (
        select(User)
        .where(User.deleted_at.is_(None))
        .options(selectinload(User.grants).joinedload(UserPermission.permission))
    )


def user_by_email(email: str) -> User | None:
    """Return the user with this e-mail, in whatever capitals."""
    return db.session.scalar(_users().where(User.email == email.strip().lower()))


def user_by_id(user_id: uuid.UUID) -> User | None:
    """Return the user with this id."""
    return db.session.scalar(_users().where(User.id == user_id))


def find_user(user_id: uuid.UUID) -> User:
    """Return the user with this id. Raises NotFound."""
    user = user_by_id(user_id)
    if user is None:
        raise NotFound()
    return user


def locked_user(user_id: uuid.UUID) -> User:
    """Read the user with this id and lock them until the unit of work ends. Raises NotFound."""
    user = db.session.scalar(
        _users()
        .where(User.id == user_id)
        .with_for_update(key_share=True, of=User)
        .execution_options(populate_existing=True)
    )
    if user is None:
        raise NotFound()
    return user


def locked_password_hash(user_id: uuid.UUID) -> str | None:
    """Return the password hash of an active user, locked against changes until the unit of work ends."""
    return db.session.scalar(
        select(User.password_hash)
        .where(User.id == user_id, User.is_active, User.deleted_at.is_(None))
        .with_for_update(read=True)
    )


@dataclass(frozen=True)
class UserFilter:
    """Which users a list shows; `text` is a part of the name or the e-mail."""

    text: str = ""
    role: Role | None = None
    is_active: bool | None = None


@dataclass(frozen=True)
class UserPage:
    """One page of users, each with the moment at which they or one of their keys were last seen."""

    items: list[tuple[User, datetime | None]]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(-(-self.total // self.size), 1)


def user_page(wanted: UserFilter, *, offset: int, size: int) -> UserPage:
    """Return one page of the users that a filter selects, by name."""
    conditions = [User.deleted_at.is_(None), *_conditions(wanted)]
    by_name = (func.lower(User.full_name), User.id)
    # The page is cut out of the index first: when somebody was last seen is looked up for the page only.
    # A text is compared with every name, so the same statement counts those that have it.
    total = func.count().over() if wanted.text else literal(None)
    shown = db.session.execute(
        select(User.id, total).where(*conditions).order_by(*by_name).offset(offset).limit(size)
    ).all()
    counted = shown[0][1] if shown else None
    if counted is None:
        counted = db.session.scalar(select(func.count()).select_from(User).where(*conditions))
    found = db.session.execute(
        _users()
        .add_columns(_last_seen())
        .where(User.id.in_([row[0] for row in shown]))
        .order_by(*by_name)
    )
    items = [(row[0], row[1]) for row in found]
    return UserPage(items=items, total=counted or 0, number=offset // size + 1, size=size)


def last_seen(user_id: uuid.UUID) -> datetime | None:
    """Return when the user, or one of their keys, was last seen."""
    return db.session.scalar(select(_last_seen()).where(User.id == user_id))


def _last_seen() -> ColumnElement[datetime | None]:
    seen = (
        select(func.max(UserSession.last_seen_at))
        .where(UserSession.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )
    used = (
        select(func.max(ApiKey.last_used_at))
        .where(ApiKey.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )
    return func.greatest(seen, used)


def _conditions(wanted: UserFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.text:
        in_name = User.full_name.icontains(wanted.text, autoescape=True)
        conditions.append(or_(in_name, User.email.icontains(wanted.text, autoescape=True)))
    if wanted.role is not None:
        conditions.append(User.role == wanted.role.value)
    if wanted.is_active is not None:
        conditions.append(User.is_active.is_(wanted.is_active))
    return conditions


@dataclass(frozen=True)
class Caller:
    """Who makes a request: a snapshot, independent of any unit of work."""

    user_id: uuid.UUID
    email: str
    full_name: str
    role: str
    actor: Actor


@dataclass(frozen=True)
class SignedInUser(Caller):
    """The user of an open session."""

    session_id: uuid.UUID
    last_seen_at: datetime


@dataclass(frozen=True)
class KeyHolder(Caller):
    """The user as whom a key acts; the actor may do what is in force of the key."""

    key_id: uuid.UUID
    last_used_at: datetime | None


def grants_of(user_id: ColumnElement[uuid.UUID]) -> ScalarSelect[list[str]]:
    """Select the names of a user's permissions, as a column of the query that names the user."""
    grants, names = UserPermission.__table__.c, PermissionRow.__table__.c
    return (
        select(func.array_agg(names.name))
        .select_from(
            UserPermission.__table__.join(PermissionRow.__table__, names.id == grants.permission_id)
        )
        .where(grants.user_id == user_id)
        .scalar_subquery()
    )


_sessions, _people = UserSession.__table__.c, User.__table__.c
# Every request asks this: one statement of columns, built once, without objects to track.
_OPEN_SESSION = (
    select(
        _sessions.id,
        _sessions.user_id,
        _sessions.last_seen_at,
        _people.email,
        _people.full_name,
        _people.role,
        grants_of(_sessions.user_id).label("grants"),
    )
    .select_from(UserSession.__table__.join(User.__table__, _people.id == _sessions.user_id))
    .where(
        _sessions.id == bindparam("session_id"),
        _sessions.ended_at.is_(None),
        _sessions.expires_at > bindparam("now"),
        _people.is_active,
        _people.deleted_at.is_(None),
    )
)


def open_session(session_id: uuid.UUID) -> SignedInUser | None:
    """Return the user of a session, or None where the session opens nothing."""
    found = db.read(_OPEN_SESSION, {"session_id": session_id, "now": clock.now()}).first()
    if found is None:
        return None
    return SignedInUser(
        session_id=found.id,
        user_id=found.user_id,
        email=found.email,
        full_name=found.full_name,
        role=found.role,
        actor=Actor(
            id=found.user_id,
            name=found.full_name,
            permissions=permissions_named(found.grants),
            type=actor_type(found.role),
        ),
        last_seen_at=found.last_seen_at,
    )


def locked_refresh_token(token_hash: str) -> RefreshToken | None:
    """Return the refresh token with this digest, used or not, after locking its session."""
    session_id = db.session.scalar(
        select(UserSession.id)
        .join(RefreshToken, RefreshToken.session_id == UserSession.id)
        .where(RefreshToken.token_hash == token_hash)
        .with_for_update(key_share=True, of=UserSession)
    )
    if session_id is None:
        return None
    # A second statement, which sees what the previous holder of the lock committed.
    return db.session.scalar(
        select(RefreshToken)
        .where(RefreshToken.token_hash == token_hash)
        .execution_options(populate_existing=True)
    )


def keys_of(user_id: uuid.UUID) -> list[ApiKey]:
    """Return all keys of a user, the newest first; revoked ones too."""
    return list(
        db.session.scalars(
            select(ApiKey)
            .where(ApiKey.user_id == user_id)
            .order_by(ApiKey.created_at.desc(), ApiKey.id)
        )
    )


def locked_keys_made_with(key_ids: Collection[uuid.UUID]) -> list[ApiKey]:
    """Return the keys that were made with these, locked until the unit of work ends."""
    return list(
        db.session.scalars(
            select(ApiKey)
            .where(ApiKey.made_with.in_(key_ids))
            .order_by(ApiKey.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def events_of(user_id: uuid.UUID, *, most: int = 50) -> list[AccountEvent]:
    """Return what happened to a user, the newest first, each event with its actor and key."""
    return list(
        db.session.scalars(
            select(AccountEvent)
            .where(AccountEvent.user_id == user_id)
            .options(joinedload(AccountEvent.actor), joinedload(AccountEvent.key))
            .order_by(AccountEvent.created_at.desc(), AccountEvent.id)
            .limit(most)
        )
    )


def permission_rows(names: set[str]) -> list[PermissionRow]:
    """Return the rows of the permissions with these names."""
    return list(db.session.scalars(select(PermissionRow).where(PermissionRow.name.in_(names))))


def lock_administration() -> None:
    """Wait until nobody else changes users: the row of `admin:access` is the lock."""
    db.session.execute(
        select(PermissionRow.id)
        .where(PermissionRow.name == Permission.ADMIN_ACCESS.value)
        .with_for_update(key_share=True)
    )


def is_administrator(user_id: uuid.UUID) -> bool:
    """Tell whether this is an active user who holds `admin:access`."""
    return Permission.ADMIN_ACCESS in permissions_now({user_id})


def permissions_now(user_ids: Collection[uuid.UUID]) -> frozenset[Permission]:
    """Return what every one of these users may do at this moment: nothing where one of them is not active."""
    holders = (
        select(PermissionRow.name)
        .join(UserPermission, UserPermission.permission_id == PermissionRow.id)
        .join(User, User.id == UserPermission.user_id)
        .where(User.id.in_(user_ids), User.is_active, User.deleted_at.is_(None))
        .group_by(PermissionRow.name)
        .having(func.count() == len(user_ids))
    )
    return frozenset(map(Permission, db.session.scalars(holders)))


def has_other_administrator(user_id: uuid.UUID) -> bool:
    """Tell whether there is an active administrator besides this user."""
    return bool(db.session.scalar(select(exists(_administrators().where(User.id != user_id)))))


def _administrators() -> Select[uuid.UUID]:
    return (
        select(User.id)
        .join(UserPermission, UserPermission.user_id == User.id)
        .join(UserPermission.permission)
        .where(
            PermissionRow.name == Permission.ADMIN_ACCESS.value,
            User.is_active,
            User.deleted_at.is_(None),
        )
    )


def count_active(since: datetime | None = None) -> int:
    """Count the users who were seen since a moment (default: in the last 15 minutes)."""
    return (
        db.session.scalar(
            select(func.count(func.distinct(UserSession.user_id))).where(
                UserSession.ended_at.is_(None),
                UserSession.last_seen_at > (since or clock.now() - ACTIVE_WITHIN),
            )
        )
        or 0
    )
