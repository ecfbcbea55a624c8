"""Calls to the bank in the words of the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from webapp.banking.gateway import Outcome, Trouble
from webapp.kernel import formatting
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.i18n import ngettext

ENVIRONMENTS = {"qa": _l("Pruebas (QA)"), "production": _l("Producción")}
DIALECTS = {
    "status": _l("Estado de transacción"),
    "confirmation": _l("Confirmación de Transacciones"),
}
OPERATIONS = {
    "token": _l("Pedir un token"),
    "transaction": _l("Consultar un pago"),
    "statement": _l("Consultar el estado de cuenta"),
    "certification": _l("Caso de certificación"),
    "certification_token": _l("Token para la certificación"),
}
OUTCOMES = {
    Outcome.FOUND: _l("Lo muestra"),
    Outcome.NOT_FOUND: _l("No lo muestra todavía"),
    Outcome.RATE_LIMITED: _l("Pidió esperar"),
    Outcome.UNAVAILABLE: _l("No respondió"),
    Outcome.UNREADABLE: _l("Respuesta que no se entiende"),
    Outcome.REFUSED: _l("No aceptó la consulta"),
    Outcome.TOKEN: _l("Entregó un token"),
}
OUTCOME_ICONS = {
    Outcome.FOUND: "circle-check",
    Outcome.NOT_FOUND: "clock",
    Outcome.RATE_LIMITED: "timer",
    Outcome.UNAVAILABLE: "cloud-off",
    Outcome.UNREADABLE: "circle-question-mark",
    Outcome.REFUSED: "circle-x",
    Outcome.TOKEN: "key-round",
}


def environment(value: str) -> str:
    """Return an environment of the bank in words."""
    return str(ENVIRONMENTS.get(value, value))


def dialect(value: str) -> str:
    """Return an interface of the bank in words."""
    return str(DIALECTS.get(value, value))


def operation(value: str) -> str:
    """Return an operation in words; one that has none is shown by its name."""
    return str(OPERATIONS.get(value, value))


def outcome(value: str | None) -> str:
    """Return in words how a call ended; None stands for one that is under way or whose process died."""
    return str(OUTCOMES[Outcome(value)]) if value else _("Sin terminar")


def outcome_icon(value: str | None) -> str:
    """Return the icon of an outcome."""
    return OUTCOME_ICONS[Outcome(value)] if value else "hourglass"


_TROUBLES: dict[Trouble, Any] = {
    Trouble.CREDENTIALS: _l(
        "El banco no aceptó nuestras credenciales. Revise el cliente y la clave de ese ambiente en "
        "la configuración."
    ),
    Trouble.QUESTION: _l(
        "El banco dice que la consulta está mal hecha. Revise BANESCO_API, la URL y la cuenta, y "
        "muéstrele al banco la consulta exacta."
    ),
    Trouble.UNREADABLE: _l(
        "El banco respondió algo que no se entiende. Guarde el caso y pregúntele al banco si su "
        "servicio cambió."
    ),
}


def trouble(kind: Trouble) -> str:
    """Return what happened and what to do about it, in words."""
    return str(_TROUBLES[kind])


def trouble_facts(*, where: str, count: int, last_at: datetime) -> str:
    """Return in words where, how often and when last something happened."""
    return ngettext(
        "%(where)s: %(num)s vez (%(when)s).",
        "%(where)s: %(num)s veces (la última, %(when)s).",
        count,
        where=environment(where),
        when=formatting.moment(last_at),
    )
