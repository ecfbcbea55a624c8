"""What one person may give another: never what they lack, and so nothing to themselves (DESIGN 7)."""

from __future__ import annotations

from collections.abc import Set

from webapp.accounts import queries, wording
from webapp.kernel.errors import Forbidden
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
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


class BeyondOwnKey(Forbidden):
    """What a key makes would outlive the key."""

    code = "beyond_own_key"
    sentence = _l("Una llave hecha con otra no puede durar más que ella.")


class AdministrationByKey(BeyondOwnKey):
    """A key would open the account of an administrator, who could then act without the key."""

    sentence = _l(
        "Con una llave no se puede dar la administración, ni activar o cambiar la contraseña de quien "
        "la tiene: debe hacerlo una persona con su propia sesión."
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


def require_may_give(actor: Actor, held: Set[Permission], given: Set[Permission]) -> None:
    """Refuse to give a user more than is held, and to give `admin:access` by a key.

    A user lasts longer than a key, and an administrator can make keys. Raises BeyondOwnPermissions,
    AdministrationByKey.
    """
    require_within(held, given)
    if actor.key_id is not None and Permission.ADMIN_ACCESS in given:
        raise AdministrationByKey()
