"""Families of references: the first digits choose what happens, the last ones are the amount.

The product accepts a reference only once, so one magic number per outcome would serve for one try only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from webapp.banking.sandbox.failures import Mode
from webapp.banking.sandbox.settings import SandboxSettings
from webapp.banking.sandbox.store import Movement

# Words for movements that wait or were refused; the dialect `confirmation` does not list these.
WAITING_WORDS = ("pending", "in_progress", "processing")
REFUSED_WORDS = ("rejected", "reversed", "canceled", "cancelled", "failed")
HIDDEN_WORDS = frozenset((*WAITING_WORDS, *REFUSED_WORDS))
UNKNOWN_WORD = "en_revision_interna"


@dataclass(frozen=True, slots=True)
class Family:
    """One outcome, and in Spanish what each dialect answers; `mode` is a failure on the wire."""

    prefix: str
    status: str
    confirmation: str = "lo mismo"
    mode: Mode | None = None


LIKE_100 = "como 100"
FAMILIES = {
    family.prefix: family
    for family in (
        Family("100", "approved; todo coincide", "200, un crédito que coincide"),
        Family(
            "110",
            "completed; el monto viene como número JSON",
            "un crédito; statusCode como número, referencia sin ceros a la izquierda",
        ),
        Family(
            "120",
            "success y nada más: lo ausente no contradice",
            "un crédito entre comisiones (DB); solo la cola de la referencia, "
            "sourceBankId 134, hora 00.00.00",
        ),
        Family("130", LIKE_100, "dos créditos que coinciden: debe decidir una persona"),
        Family(
            "140", "approved, pero es una comisión (COMMISSION)", "solo filas DB: aún no hay pago"
        ),
        Family("150", LIKE_100, "un crédito que coincide entre otros que no"),
        Family("200", "approved; el banco muestra Bs. 1,00 más"),
        Family("210", "approved; otro teléfono", "70001: con ese teléfono no hay nada"),
        Family("220", "approved; otra cédula", LIKE_100 + ": la respuesta no dice quién pagó"),
        Family("230", "approved; otra referencia en la respuesta"),
        Family("240", "approved; otra moneda (USD)"),
        Family("250", "approved; con fecha de tres días antes"),
        Family("300", "rejected", "70001"),
        Family("310", "reversed", "solo una fila DB: no hay pago"),
        Family("320", "cancelled", "70001"),
        Family("330", "failed", "70001"),
        Family(
            "400",
            "pending los primeros 30 s desde la primera consulta; luego approved",
            "70001 y luego un crédito",
        ),
        Family("410", "processing para siempre", "70001 para siempre"),
        Family(
            "500",
            "404 durante un minuto desde la primera consulta; luego approved",
            "70001 y luego un crédito",
        ),
        Family("600", "404: nunca aparece", "70001 para siempre"),
        Family("610", "404: nunca aparece", "70001 con statusCode como número"),
        Family(
            "700", "429 con Retry-After: 5", "VRN05 con HTTP 429 y Retry-After: 5", Mode.TOO_MANY
        ),
        Family("710", "429 con Retry-After como fecha HTTP", "VRN05, igual", Mode.TOO_MANY_DATE),
        Family("720", "429 sin Retry-After", "VRN05, igual", Mode.TOO_MANY_SILENT),
        Family("800", "500", "código 500", Mode.ERROR),
        Family("810", "503", "VRN04 con HTTP 503 (mantenimiento)", Mode.UNAVAILABLE),
        Family("820", "502", "CRT503 con HTTP 503", Mode.BAD_GATEWAY),
        Family("830", "504", "VRN06 con HTTP 424", Mode.GATEWAY_TIMEOUT),
        Family(
            "840",
            "401 aunque el token sea bueno",
            "VRN01 con HTTP 401 (QA) o 403 (producción)",
            Mode.UNAUTHORIZED,
        ),
        Family("850", "400", "VDE01", Mode.BAD_REQUEST),
        Family("860", "422", "VDE02", Mode.UNPROCESSABLE),
        Family("870", "409", "70005 (rango de fechas)", Mode.CONFLICT),
        Family("880", "204 sin cuerpo", "código 204 con HTTP 200", Mode.NO_CONTENT),
        Family(
            "890",
            "403 aunque el token sea bueno",
            "401 (QA) o 403 (producción) sin cuerpo JSON",
            Mode.FORBIDDEN,
        ),
        Family("900", "no responde: se cuelga y al final cierra", mode=Mode.HANG),
        Family("910", "HTML con estado 200", mode=Mode.GARBAGE),
        Family("920", "una palabra desconocida en status", "un statusCode desconocido"),
        Family("930", "cuerpo cortado por la mitad", mode=Mode.HALF_BODY),
        Family("940", "tipos JSON equivocados; el último dígito elige cuál", mode=Mode.WRONG_TYPES),
        Family("950", "cuerpo enorme", mode=Mode.HUGE),
        Family("960", "redirección a otra dirección", mode=Mode.REDIRECT),
        Family("970", "conexión reiniciada (RST)", mode=Mode.RESET),
        Family("980", "cuerpo gota a gota", mode=Mode.SLOW),
        Family("990", "respuesta correcta con Content-Type: text/html", mode=Mode.CONTENT_TYPE),
    )
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A reference that belongs to a family, with the amount that its last digits spell."""

    digits: str
    family: Family
    amount: Decimal


def read_key(key: str) -> Asked | None:
    """Read a key of the dialect `status`: it is, or ends with, nine digits."""
    match = re.search(r"[0-9]{9}$", key)
    return _asked(match.group()) if match else None


def read_reference(reference: str) -> Asked | None:
    """Read a reference of the dialect `confirmation`, leading zeros aside.

    Nine digits or more count by their last nine, as in the dialect `status`. Six digits, all that
    pago móvil sends, are the short form: three for the family, three for whole bolívares.
    """
    bare = reference.lstrip("0")
    if len(bare) >= 9:
        return _asked(bare[-9:])
    return _asked(bare) if len(bare) == 6 else None


def _asked(digits: str) -> Asked | None:
    family = FAMILIES.get(digits[:3])
    if family is None:
        return None
    spelt = int(digits[3:])
    # Nothing costs 0.00: zeros stand for the number that would come after the last one.
    units = Decimal(spelt or 10 ** len(digits[3:]))
    amount = units if len(digits) == 6 else units / 100
    return Asked(digits, family, amount.quantize(Decimal("0.01")))


# How the movement of a family differs from an honest one, where that depends on nothing else.
DIFFERENCES: dict[str, dict[str, Any]] = {
    "110": {"status": "completed"},
    "120": {"status": "success"},
    "140": {"transaction_type": "COMMISSION", "direction": "DB"},
    "210": {"phone": "04160000001"},
    "220": {"national_id": "V99999999"},
    "240": {"currency": "USD"},
    "300": {"status": "rejected"},
    "310": {"status": "reversed", "direction": "DB"},
    "320": {"status": "cancelled"},
    "330": {"status": "failed"},
    "410": {"status": "processing"},
    "920": {"status": UNKNOWN_WORD, "bank_code": "VXX99"},
}
NEVER = frozenset({"600", "610"})


def movement_for(
    asked: Asked, *, age: float, today: date, settings: SandboxSettings
) -> Movement | None:
    """Return the movement of a family, or None while the bank does not show it.

    `age` is how many seconds ago the reference was first asked about.
    """
    prefix = asked.family.prefix
    if prefix in NEVER or (prefix == "500" and age < settings.appears_seconds):
        return None
    honest = Movement(reference=asked.digits, amount=asked.amount, date=today)
    match prefix:
        case "200":
            return replace(honest, amount=asked.amount + 1)
        case "230":
            return replace(honest, reference=other_reference(asked.digits))
        case "250":
            return replace(honest, date=today - timedelta(days=3))
        case "400" if age < settings.pending_seconds:
            return replace(honest, status="pending")
        case _:
            return replace(honest, **DIFFERENCES.get(prefix, {}))


def other_reference(digits: str) -> str:
    """Return the complement to nine of each digit: a reference as long, and different in every digit."""
    return "".join(str(9 - int(digit)) for digit in digits)
