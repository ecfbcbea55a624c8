"""Who may do what: the whole policy is the table ROLE_PERMISSIONS (DESIGN 7). Deny by default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from webapp.kernel.errors import Forbidden


class Permission(StrEnum):
    """What a person or program may do (ERD 6.2, DESIGN 7); the values stand in tokens and tables."""

    TRANSACTION_CREATE = "transaction:create"
    TRANSACTION_READ = "transaction:read"
    TRANSACTION_UPDATE = "transaction:update"
    TRANSACTION_DELETE = "transaction:delete"
    TRANSACTION_REVIEW = "transaction:review"
    REPORT_READ = "report:read"
    WEBHOOK_MANAGE = "webhook:manage"
    ADMIN_ACCESS = "admin:access"


class Role(StrEnum):
    """A preset of permissions."""

    CASHIER = "cashier"
    SUPERVISOR = "supervisor"
    INTEGRATOR = "integrator"
    ADMIN = "admin"


_CASHIER = frozenset({Permission.TRANSACTION_CREATE, Permission.TRANSACTION_READ})
_INTEGRATOR = _CASHIER | {Permission.TRANSACTION_UPDATE, Permission.WEBHOOK_MANAGE}
_SUPERVISOR = _CASHIER | {
    Permission.TRANSACTION_UPDATE,
    Permission.TRANSACTION_REVIEW,
    Permission.TRANSACTION_DELETE,
    Permission.REPORT_READ,
}

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.CASHIER: _CASHIER,
    Role.INTEGRATOR: _INTEGRATOR,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMIN: frozenset(Permission),
}


class ActorType(StrEnum):
    """Who moved a transaction (ERD 4.1, `transaction_events.actor_type`)."""

    USER = "USER"
    SYSTEM = "SYSTEM"
    EXTERNAL = "EXTERNAL"


def actor_type(role: str) -> ActorType:
    """Return as what a user of this role acts: programs act from outside."""
    return ActorType.EXTERNAL if role == Role.INTEGRATOR else ActorType.USER


def permissions_named(names: Iterable[str] | None) -> frozenset[Permission]:
    """Return the permissions that rows name; None names none."""
    return frozenset(map(Permission, names or ()))


@dataclass(frozen=True)
class Actor:
    """Who acts: what services need to know of a user, and nothing of the web."""

    id: UUID | None
    name: str
    permissions: frozenset[Permission]
    type: ActorType = ActorType.USER
    key_id: UUID | None = None
    """The key with which a program acts as the user; None for a sign-in."""
    key_makers: frozenset[UUID] = frozenset()
    """The people who made that key, or the key that it was made with."""

    @property
    def eyes(self) -> frozenset[UUID]:
        """The people who count as having done what this actor does: the user, and who made the key."""
        return self.key_makers | ({self.id} if self.id else frozenset())

    def may(self, permission: Permission) -> bool:
        """Tell whether the actor holds the permission."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Refuse an actor without the permission. Raises Forbidden."""
        if permission not in self.permissions:
            raise Forbidden()


SYSTEM = Actor(id=None, name="", permissions=frozenset(), type=ActorType.SYSTEM)
"""The product itself, acting on the bank's answers and on time that has passed."""
