"""What was made of a pasted text, in the words that cashiers read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.i18n import ngettext
from webapp.transactions import identifiers
from webapp.transactions.notices.findings import Doubt
from webapp.transactions.notices.reader import Notice, Refusal

REFUSALS = {
    Refusal.EMPTY: _l("Pegue primero el texto del aviso."),
    Refusal.TOO_LONG: _l("Es demasiado largo para ser un aviso del banco. Pegue solo el mensaje del pago."),
    Refusal.ONE_TIME_KEY: _l("Es una clave de un solo uso, no un pago. No la comparta con nadie y bórrela del teléfono."),
    Refusal.SENT: _l("Este aviso es de un pago enviado desde una cuenta, no de uno recibido. Pida el comprobante o escriba los datos."),
    Refusal.BALANCE: _l("Este texto dice un saldo, no un pago."),
    Refusal.NO_PAYMENT: _l("En este texto no se reconoce un pago: falta un monto o una referencia. Escriba los datos abajo."),
}  # fmt: skip
DOUBTS = {
    Doubt.SEVERAL: _l("El aviso trae más de uno. Escriba el de este pago."),
    Doubt.AMBIGUOUS: _l("En el aviso se puede leer de más de una manera. Escríbalo usted."),
    Doubt.MASKED: _l("En el aviso viene tapado con asteriscos. Pídalo a quien pagó."),
    Doubt.OURS: _l("El del aviso es de quien recibe. Pida el de quien pagó."),
    Doubt.NOT_NAMED: _l("El aviso no dice de qué banco salió el dinero."),
    Doubt.APP_NUMBER: _l("Es el número de operación de la aplicación del banco, que puede no ser la referencia. Compárelo con el SMS."),
    Doubt.IMPOSSIBLE: _l("La fecha del aviso no es posible. Escriba la del pago."),
    Doubt.COMPANY: _l("El documento del aviso es de una empresa. Escriba la cédula de la persona."),
}  # fmt: skip
NO_DAY = _l("El aviso no trae fecha. Mire si hace falta la del pago.")


@dataclass(frozen=True)
class ReadNotice:
    """What the form's page says about the notice that was pasted."""

    refusal: str | None = None
    filled: str = ""
    elsewhere: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    """What to look at, by field."""


def refused(refusal: Refusal) -> ReadNotice:
    """Say why the text filled nothing."""
    return ReadNotice(refusal=str(REFUSALS[refusal]))


def understood(notice: Notice) -> ReadNotice:
    """Say how much was filled, and what has to be looked at."""
    notes = {name: str(DOUBTS[doubt]) for name, doubt in notice.doubts.items()}
    if "operation_date" not in notice.values:
        notes.setdefault("operation_date", str(NO_DAY))
    return ReadNotice(
        filled=_filled(len(notice.values)), elsewhere=_elsewhere(notice.elsewhere), notes=notes
    )


def _filled(count: int) -> str:
    return ngettext(
        "El aviso llenó %(num)s dato. Revise lo marcado y complete lo que falta.",
        "El aviso llenó %(num)s datos. Revise lo marcado y complete lo que falta.",
        count,
    )


def _elsewhere(code: str | None) -> str | None:
    if code is None:
        return None
    return _(
        "Según el aviso, el dinero llegó a una cuenta en %(bank)s, no en Banesco. Si es así, Banesco no lo va a encontrar.",
        bank=identifiers.BANKS[code],
    )
