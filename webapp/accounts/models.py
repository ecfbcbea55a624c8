"""Tables of the people and programs that use the product (ERD 4.1)."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.kernel import clock
from webapp.kernel.database import Base
from webapp.kernel.permissions import Actor, Permission, Role, actor_type


class User(Base):
    """A person of the clinic, or a program that acts for it. E-mails are stored in lower case."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower_case"),
        CheckConstraint(
            "role IN ('cashier', 'supervisor', 'integrator', 'admin')", name="role_known"
        ),
        Index(
            "ix_users_by_name",
            text("lower(full_name)"),
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    email: Mapped[str] = mapped_column(String(255), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    full_name: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20), default=Role.CASHIER, server_default="cashier")
    national_id: Mapped[str | None] = mapped_column(String(10))
    phone_number: Mapped[str | None] = mapped_column(String(11))
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(
        default=clock.now, onupdate=clock.now, server_default=text("now()")
    )
    deleted_at: Mapped[datetime | None]

    grants: Mapped[list[UserPermission]] = relationship(
        lazy="raise",
        back_populates="user",
        foreign_keys="UserPermission.user_id",
        cascade="all, delete-orphan",
    )

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the user may do; needs `grants` loaded."""
        return frozenset(Permission(grant.permission.name) for grant in self.grants)

    @property
    def version(self) -> str:
        """What tells two states of a user apart: the moment of the last change, and a digest of what can change.

        Of the same form as the other ETags of the API; needs `grants` loaded.
        """
        state = [self.full_name, self.role, str(self.is_active), *sorted(self.permissions)]
        digest = hashlib.sha256("\x00".join(state).encode()).hexdigest()[:12]
        return f"{int(self.updated_at.timestamp() * 1_000_000)}-{digest}"

    def as_actor(self) -> Actor:
        """Return the user as services know them; users of programs act as EXTERNAL."""
        return Actor(
            id=self.id,
            name=self.full_name,
            permissions=self.permissions,
            type=actor_type(self.role),
        )


class PermissionRow(Base):
    """A permission that can be granted: one row for each value of the enum `Permission`."""

    __tablename__ = "permissions"

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    name: Mapped[str] = mapped_column(String(100), unique=True)
    description: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))


class UserPermission(Base):
    """One permission of one user, and who granted it."""

    __tablename__ = "user_permissions"

    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    permission_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("permissions.id", ondelete="CASCADE"), primary_key=True
    )
    granted_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    granted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))

    user: Mapped[User] = relationship(lazy="raise", back_populates="grants", foreign_keys=[user_id])
    permission: Mapped[PermissionRow] = relationship(lazy="raise")


class UserSession(Base):
    """One sign-in, of a browser or (with refresh tokens) of a program; an ended one opens nothing."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        Index("ix_user_sessions_user_id", "user_id"),
        Index(
            "ix_user_sessions_last_seen_at",
            "last_seen_at",
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    last_seen_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")


class RefreshToken(Base):
    """A token that renews a session's access once; used ones are kept, so that reuse is noticed."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        Index("ix_refresh_tokens_session_id", "session_id"),
        Index(
            "uq_refresh_tokens_unused",
            "session_id",
            unique=True,
            postgresql_where=text("used_at IS NULL"),
        ),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("user_sessions.id", ondelete="CASCADE")
    )
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    used_at: Mapped[datetime | None]


class ApiKey(Base):
    """A program's key: it acts as its user within a scope; only a digest of the key is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("cardinality(permissions) > 0", name="scope_not_empty"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        Index("ix_api_keys_user_id", "user_id"),
        Index("ix_api_keys_made_with", "made_with"),
        Index(
            "uq_api_keys_name_in_use",
            "user_id",
            "name",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(20), unique=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    permissions: Mapped[list[str]] = mapped_column(ARRAY(String(100)))
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    makers: Mapped[list[uuid.UUID]] = mapped_column(
        ARRAY(Uuid()), default=list, server_default=text("'{}'")
    )
    """Who made it, and who made the key that it was made with; empty for the command line."""
    made_with: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The key that made it: it ends with that one."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise", foreign_keys=[user_id])
    maker: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[created_by])

    @property
    def scope(self) -> frozenset[Permission]:
        """What the key may do at most; what its user and its makers may do now limits it further."""
        return frozenset(item for item in Permission if item.value in self.permissions)

    @property
    def is_expired(self) -> bool:
        """Whether the key has passed its expiry."""
        return self.expires_at <= clock.now()


class AccountEvent(Base):
    """What happened to a user, who did it and what changed, without secrets. Rows are only added."""

    __tablename__ = "account_events"
    __table_args__ = (Index("ix_account_events_user_id_created_at", "user_id", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=uuid.uuid4, server_default=text("gen_random_uuid()")
    )
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    key_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    """The key with which the actor acted; none for a sign-in."""
    action: Mapped[str] = mapped_column(String(40))
    changes: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default=dict, server_default=text("'{}'::jsonb")
    )
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))

    actor: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[actor_id])
    key: Mapped[ApiKey | None] = relationship(lazy="raise", foreign_keys=[key_id])
