"""Roles, permissions and what happens to users, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    Permission.ADMIN_ACCESS: _l("Administrar usuarios y llaves"),
}

_CHANGED = {
    "full_name": _l("nombre"),
    "role": _l("rol"),
    "permissions": _l("permisos"),
    "password": _l("contraseña"),
}


def permissions(names: list[str]) -> str:
    """The permissions with these names, as a list for people."""
    return ", ".join(str(words) for name, words in PERMISSIONS.items() if name.value in names)


def happened(action: str, changes: Mapping[str, Any]) -> str:
    """One event of a user's trail, in a sentence."""
    name = str(changes.get("name", ""))
    if action == "CREATED":
        return _("Usuario creado")
    if action == "KEY_CREATED":
        return _("Llave creada: %(name)s", name=name)
    if action == "KEY_REVOKED":
        return _("Llave revocada: %(name)s", name=name)
    if action == "TOKEN_REUSED":
        return _("Sesión cerrada: su token se usó dos veces")
    parts = [str(words) for field, words in _CHANGED.items() if field in changes]
    if "is_active" in changes:
        parts.append(_("activado") if changes["is_active"][1] else _("desactivado"))
    return _("Cambió: %(what)s", what=", ".join(parts))
