"""Tables of the people and programs that use the product (ERD 4.1)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp import clock
from webapp.database import Base
from webapp.permissions import Actor, ActorType, Permission, Role


class User(Base):
    """A person of the clinic, or a program that acts for it. The e-mail is kept in lower case."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower_case"),
        CheckConstraint(
            "role IN ('cashier', 'supervisor', 'integrator', 'admin')", name="role_known"
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

    def as_actor(self) -> Actor:
        """The user as services know it; programs act from outside."""
        outside = self.role == Role.INTEGRATOR
        return Actor(
            id=self.id,
            name=self.full_name,
            permissions=self.permissions,
            type=ActorType.EXTERNAL if outside else ActorType.USER,
        )


class PermissionRow(Base):
    """A permission that can be granted; the rows are those of the enum `Permission`."""

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
    """One sign-in: of a browser, or of a program (`refresh_hash` set). Ended rows open nothing."""

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
    refresh_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    last_seen_at: Mapped[datetime] = mapped_column(default=clock.now, server_default=text("now()"))
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")
