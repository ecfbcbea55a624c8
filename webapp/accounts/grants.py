"""What one person may give another: never what they lack, and so nothing to themselves (DESIGN 7)."""

from __future__ import annotations

from collections.abc import Set

from webapp.accounts import queries, wording
from webapp.kernel.errors import Forbidden
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import SYSTEM, Actor, Permission


class BeyondOwnPermissions(Forbidden):
    """The actor would give a permission that they lack, or open an account that holds one."""

    code = "beyond_own_permissions"

    def __init__(self, lacking: Set[Permission]) -> None:
        super().__init__(
            _(
                "Usted no tiene: %(lacking)s. No puede darlo, ni activar o cambiar la contraseña de quien "
                "lo tiene.",
                lacking=wording.permissions(lacking),
            )
        )


def held_now(actor: Actor) -> frozenset[Permission]:
    """Return what the actor, and with a key also its makers, may do at this moment; SYSTEM may do everything."""
    if actor is SYSTEM:
        return frozenset(Permission)
    return actor.permissions & queries.permissions_now(actor.eyes)


def require_within(held: Set[Permission], given: Set[Permission]) -> None:
    """Refuse to give more than is held. Raises BeyondOwnPermissions."""
    if given - held:
        raise BeyondOwnPermissions(given - held)
