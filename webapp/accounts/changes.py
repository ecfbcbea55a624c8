"""Changes of a user by administrators, which hold for every session and worker at once."""

from __future__ import annotations

import uuid
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from webapp.accounts import grants, passwords, queries, service, trail
from webapp.accounts.actions import AccountAction
from webapp.accounts.models import User, UserPermission
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Invalid
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.permissions import ROLE_PERMISSIONS, Actor, Permission, Role


@dataclass(frozen=True)
class UserChanges:
    """What should change; None leaves a thing as it is.

    A role brings its preset of permissions, unless permissions are given as well.
    """

    full_name: str | None = None
    password: str | None = None
    role: Role | None = None
    permissions: frozenset[Permission] | None = None
    is_active: bool | None = None


class OwnAdministration(Conflict):
    """Administrators would take their own administration away."""

    code = "own_administration"
    sentence = _l(
        "No puede desactivarse ni quitarse la administración a sí mismo: debe hacerlo otra persona."
    )


class LastAdministrator(Conflict):
    """Nobody who can administer would be left."""

    code = "last_administrator"
    sentence = _l("Es la última persona activa que administra: nombre antes a otra.")


class NoLongerAdministrator(Conflict):
    """The actor stopped being an administrator while the request was under way."""

    code = "not_administrator"
    sentence = _l("Su usuario dejó de administrar mientras pedía este cambio, y no se guardó nada.")


class StaleUser(Conflict):
    """Somebody else changed the user after they were read."""

    code = "stale_version"
    sentence = _l(
        "Este usuario cambió después de que usted abrió la página, y no se guardó nada. Abajo está "
        "como quedó."
    )


def change_user(
    *,
    actor: Actor,
    user_id: uuid.UUID,
    changes: UserChanges,
    versions: Set[str] | None = None,
) -> User:
    """Change a user; a new password, role, permission or activity ends all their sessions at once.

    `versions` are those of `User.version` that the change was decided on (default: any). Raises NotFound,
    Invalid with sentences by field, StaleUser, BeyondOwnPermissions, AdministrationByKey, and Conflict where an
    administrator would lose their own administration or the last one would go.
    """
    actor.require(Permission.ADMIN_ACCESS)
    name = None if changes.full_name is None else " ".join(changes.full_name.split())
    errors = service.field_errors(full_name=name, password=changes.password)
    if errors:
        raise Invalid(errors=errors)
    # Hashed before the lock is taken: it takes as long as many changes.
    new_hash = None if changes.password is None else passwords.hash_password(changes.password)
    queries.lock_administration()
    user = queries.locked_user(user_id)
    if versions is not None and user.version not in versions:
        raise StaleUser()
    held = grants.held_now(actor)
    _require_administration_remains(actor, user, changes, held)
    _require_may_give(actor, user, changes, held)
    noted = _apply(user, changes, name, new_hash, actor)
    if noted:
        user.updated_at = clock.now()
        trail.record(user_id=user.id, actor=actor, action=AccountAction.CHANGED, changes=noted)
    if noted.keys() - {"full_name"}:
        service.end_sessions_of(user.id)
    db.session.commit()
    return user


def _wanted_permissions(user: User, changes: UserChanges) -> frozenset[Permission]:
    if changes.permissions is not None:
        return changes.permissions
    return user.permissions if changes.role is None else ROLE_PERMISSIONS[changes.role]


def _require_may_give(
    actor: Actor, user: User, changes: UserChanges, held: Set[Permission]
) -> None:
    wanted = _wanted_permissions(user, changes)
    # Who chooses a password, or lets somebody in again, could act with everything that they hold, also with
    # what the same change takes, for somebody may give it back later.
    opens = changes.password is not None or (changes.is_active is True and not user.is_active)
    grants.require_may_give(
        actor, held, user.permissions | wanted if opens else wanted - user.permissions
    )


def _require_administration_remains(
    actor: Actor, user: User, changes: UserChanges, held: Set[Permission]
) -> None:
    administers = user.is_active and Permission.ADMIN_ACCESS in user.permissions
    stays_active = user.is_active if changes.is_active is None else changes.is_active
    permitted = Permission.ADMIN_ACCESS in _wanted_permissions(user, changes)
    loses = administers and not (stays_active and permitted)
    new_role = changes.role or user.role
    demoted = user.role == Role.ADMIN and new_role != Role.ADMIN
    if actor.id == user.id and (loses or demoted):
        raise OwnAdministration()
    if loses and not queries.has_other_administrator(user.id):
        raise LastAdministrator()
    if Permission.ADMIN_ACCESS not in held:
        raise NoLongerAdministrator()


def _apply(
    user: User, changes: UserChanges, name: str | None, new_hash: str | None, actor: Actor
) -> dict[str, Any]:
    """Write what differs; returns it as [before, after] by name, and of a password only the fact."""
    noted: dict[str, Any] = {}
    role = changes.role and changes.role.value
    plain = {"full_name": name, "is_active": changes.is_active, "role": role}
    for field, value in plain.items():
        before = getattr(user, field)
        if value is not None and value != before:
            noted[field] = [before, value]
            setattr(user, field, value)
    if new_hash is not None:
        noted["password"] = "changed"  # noqa: S105 - the fact, not the password
        user.password_hash = new_hash
    held, wanted = user.permissions, _wanted_permissions(user, changes)
    if wanted != held:
        noted["permissions"] = [sorted(held), sorted(wanted)]
        _grant(user, wanted, actor)
    return noted


def _grant(user: User, wanted: frozenset[Permission], actor: Actor) -> None:
    held = user.permissions
    user.grants = [grant for grant in user.grants if grant.permission.name in wanted]
    user.grants += [
        UserPermission(permission=row, granted_by=actor.id)
        for row in queries.permission_rows({name.value for name in wanted - held})
    ]
