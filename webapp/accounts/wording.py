"""Roles, permissions and what happens to users, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from webapp.accounts.actions import AccountAction
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.permissions import Permission, Role

ROLES: Mapping[Role, Any] = {
    Role.CASHIER: _l("Caja"),
    Role.SUPERVISOR: _l("Supervisión"),
    Role.INTEGRATOR: _l("Integración"),
    Role.ADMIN: _l("Administración"),
}

PERMISSIONS: Mapping[Permission, Any] = {
    Permission.TRANSACTION_READ: _l("Ver pagos y consultar a Banesco"),
    Permission.TRANSACTION_CREATE: _l("Registrar pagos"),
    Permission.TRANSACTION_UPDATE: _l("Corregir pagos"),
    Permission.TRANSACTION_REVIEW: _l("Decidir pagos por revisar"),
    Permission.TRANSACTION_DELETE: _l("Eliminar pagos"),
    Permission.REPORT_READ: _l("Ver reportes"),
    Permission.WEBHOOK_MANAGE: _l("Recibir avisos de los pagos en otro programa (webhooks)"),
    Permission.ADMIN_ACCESS: _l("Administrar usuarios y llaves"),
}

_FIELDS = {
    "full_name": _l("nombre"),
    "role": _l("rol"),
    "permissions": _l("permisos"),
    "password": _l("contraseña"),
}


ACTIONS: Mapping[AccountAction, Any] = {
    AccountAction.CREATED: _l("Usuario creado"),
    AccountAction.CHANGED: _l("Cambió: %(what)s"),
    AccountAction.KEY_CREATED: _l("Llave creada: %(name)s"),
    AccountAction.KEY_REVOKED: _l("Llave revocada: %(name)s"),
    AccountAction.TOKEN_REUSED: _l("Sesión cerrada: su token se usó dos veces"),
}


def permissions(names: Collection[str]) -> str:
    """Return the permissions with these names as a list in words."""
    return ", ".join(str(words) for name, words in PERMISSIONS.items() if name.value in names)


def exchange(before: Collection[str], after: Collection[str]) -> str:
    """Return what somebody gains and loses between two sets of permissions; empty where nothing."""
    sentences = []
    if gained := set(after) - set(before):
        sentences.append(_("Gana: %(permissions)s.", permissions=permissions(gained)))
    if lost := set(before) - set(after):
        sentences.append(_("Pierde: %(permissions)s.", permissions=permissions(lost)))
    return " ".join(sentences)


def idle(idle_permissions: Collection[Permission], *, may_review: bool) -> str:
    """Return what a key was made for and may not do now, and why; empty where it may do everything."""
    if not idle_permissions:
        return ""
    sentences = [_("Sin efecto ahora: %(permissions)s.", permissions=permissions(idle_permissions))]
    if Permission.TRANSACTION_REVIEW in idle_permissions and not may_review:
        sentences.append(_("Las llaves no deciden pagos: API_KEYS_MAY_REVIEW está apagado."))
    if may_review or set(idle_permissions) - {Permission.TRANSACTION_REVIEW}:
        sentences.append(_("Una llave no puede más que su usuario ni que quien la creó."))
    return " ".join(sentences)


def happened(action: str, changes: Mapping[str, Any]) -> str:
    """Return one event of a user's trail as a sentence."""
    what = _changed(changes) if action == AccountAction.CHANGED else ""
    return str(ACTIONS[AccountAction(action)]) % {"name": changes.get("name", ""), "what": what}


def _changed(changes: Mapping[str, Any]) -> str:
    parts = [str(words) for field, words in _FIELDS.items() if field in changes]
    if "is_active" in changes:
        parts.append(_("activado") if changes["is_active"][1] else _("desactivado"))
    return ", ".join(parts)


def exchanged(action: str, changes: Mapping[str, Any]) -> str:
    """Return what somebody gained and lost by an event of their trail; empty where nothing."""
    if action != AccountAction.CHANGED or "permissions" not in changes:
        return ""
    before, after = changes["permissions"]
    return exchange(before, after)
