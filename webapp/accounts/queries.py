"""What the pages, the API and the command line read of users and sessions."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager, selectinload

from webapp import clock
from webapp.accounts.models import PermissionRow, User, UserPermission, UserSession
from webapp.extensions import db
from webapp.permissions import Actor

ACTIVE_WITHIN = timedelta(minutes=15)


def _users() -> Select[User]:
    return (
        select(User)
        .where(User.deleted_at.is_(None))
        .options(selectinload(User.grants).joinedload(UserPermission.permission))
    )


def user_by_email(email: str) -> User | None:
    """The user with this e-mail, whatever its capitals."""
    return db.session.scalar(_users().where(User.email == email.strip().lower()))


def user_by_id(user_id: uuid.UUID) -> User | None:
    """The user with this id."""
    return db.session.scalar(_users().where(User.id == user_id))


@dataclass(frozen=True)
class SignedInUser:
    """Whoever an open session belongs to: a snapshot, independent of any unit of work."""

    session_id: uuid.UUID
    user_id: uuid.UUID
    email: str
    full_name: str
    role: str
    actor: Actor
    last_seen_at: datetime


def open_session(session_id: uuid.UUID) -> SignedInUser | None:
    """Whose session this is, if it still opens something."""
    found = db.session.scalar(
        select(UserSession)
        .join(UserSession.user)
        .options(
            contains_eager(UserSession.user)
            .selectinload(User.grants)
            .joinedload(UserPermission.permission)
        )
        .where(
            UserSession.id == session_id,
            UserSession.ended_at.is_(None),
            UserSession.expires_at > clock.now(),
            User.is_active,
            User.deleted_at.is_(None),
        )
    )
    if found is None:
        return None
    return SignedInUser(
        session_id=found.id,
        user_id=found.user_id,
        email=found.user.email,
        full_name=found.user.full_name,
        role=found.user.role,
        actor=found.user.as_actor(),
        last_seen_at=found.last_seen_at,
    )


def session_by_refresh(refresh_hash: str) -> UserSession | None:
    """The session that this refresh token belongs to, open or not."""
    return db.session.scalar(select(UserSession).where(UserSession.refresh_hash == refresh_hash))


def permission_rows(names: set[str]) -> list[PermissionRow]:
    """The rows of these permissions."""
    return list(db.session.scalars(select(PermissionRow).where(PermissionRow.name.in_(names))))


def count_active(since: datetime | None = None) -> int:
    """Users seen since then (default: in the last 15 minutes)."""
    return (
        db.session.scalar(
            select(func.count(func.distinct(UserSession.user_id))).where(
                UserSession.ended_at.is_(None),
                UserSession.last_seen_at > (since or clock.now() - ACTIVE_WITHIN),
            )
        )
        or 0
    )
