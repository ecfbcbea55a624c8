"""Statuses, misspellings, reasons and events in the words that people read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from webapp.banking.gateway import BankType, Outcome, TransactionType
from webapp.kernel import formatting
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.i18n import ngettext
from webapp.kernel.money import AmountProblem
from webapp.transactions import identifiers
from webapp.transactions.identifiers import Problem
from webapp.transactions.lifecycle import Status
from webapp.transactions.matching import Reason, ReasonCode

STATUSES = {
    Status.IN_PROGRESS: _l("En proceso"),
    Status.COMPLETED: _l("Verificado"),
    Status.TO_REVIEW: _l("Por revisar"),
    Status.UNKNOWN: _l("Desconocido"),
    Status.CANCELED: _l("Rechazado"),
}
BANKS = {
    BankType.BANESCO: _l("Transferencia Banesco"),
    BankType.MOBILE_TRANSFER: _l("Pago móvil"),
}
KINDS = {
    TransactionType.TRANSACTION: _l("Pago"),
    TransactionType.COMMISSION: _l("Comisión"),
    TransactionType.OTHER: _l("Otro"),
}
FIELDS = {
    "bank": _l("Tipo de pago"),
    "reference": _l("Referencia"),
    "amount": _l("Monto"),
    "payer_bank": _l("Banco del pagador"),
    "operation_date": _l("Fecha de la operación"),
    "full_name": _l("Nombre y apellido"),
    "national_id": _l("Cédula"),
    "phone": _l("Teléfono"),
    "concept": _l("Concepto"),
    "transaction_type": _l("Qué es el movimiento"),
}

SILENCES = {
    Outcome.UNAVAILABLE: _l(
        "Banesco no respondió. Eso no dice nada sobre este pago: lo seguiremos consultando."
    ),
    Outcome.RATE_LIMITED: _l(
        "Banesco pide esperar. Eso no dice nada sobre este pago: lo consultaremos cuando permita."
    ),
    Outcome.UNREADABLE: _l(
        "Banesco respondió algo que no se entiende. Eso no dice nada sobre este pago: lo seguiremos "
        "consultando."
    ),
    Outcome.REFUSED: _l(
        "Banesco no aceptó nuestra consulta: es un problema de nuestra conexión, no de este pago. "
        "Avise a administración."
    ),
}
"""Whose fault it is that the bank said nothing, and what that means."""

_MISSPELLINGS = {
    Problem.MISSING: _l("Falta este dato."),
    Problem.PHONE: _l("No parece un teléfono móvil. Escríbalo como 0414-1234567."),
    Problem.PHONE_PREFIX: _l(
        "El teléfono debe empezar por 0412, 0422, 0414, 0424, 0416 o 0426, como 0414-1234567."
    ),
    Problem.NATIONAL_ID: _l(
        "La cédula lleva V o E y de 4 a 8 dígitos. Escríbala como V-12.345.678."
    ),
    Problem.NATIONAL_ID_COMPANY: _l(
        "Aquí va la cédula de una persona (V o E), no un RIF. Escríbala como V-12.345.678."
    ),
    Problem.NAME: _l(
        "Escriba el nombre solo con letras, espacios, apóstrofos y guiones, como María D'Angelo."
    ),
    Problem.NAME_LENGTH: _l("El nombre debe tener entre 2 y 255 letras."),
    Problem.CONCEPT_LENGTH: _l("El concepto admite hasta 500 caracteres."),
    Problem.CONTROL_CHARACTER: _l("El texto contiene caracteres que no se pueden guardar."),
    Problem.TRANSACTION_ID: _l(
        "El identificador admite de 1 a 100 letras sin acento, dígitos, guiones y guiones bajos, como FAC-2026-001."
    ),
    Problem.TRANSACTION_ID_RESERVED: _l("Esa palabra está reservada. Use otra, como FAC-2026-001."),
    Problem.PAYER_BANK: _l("Elija un banco de la lista; el código tiene 4 dígitos, como 0134."),
}
_AMOUNTS = {
    AmountProblem.UNREADABLE: _l(
        "El monto no se entiende. Escríbalo como 1.234,56, con dos decimales como máximo."
    ),
    AmountProblem.AMBIGUOUS: _l(
        "¿Son miles o decimales? Escriba los céntimos para aclararlo, como 1.234,00 o 1,23."
    ),
    AmountProblem.NOT_POSITIVE: _l("El monto debe ser mayor que cero, como 1.234,56."),
    AmountProblem.TOO_LARGE: _l(
        "El monto es demasiado grande. Revíselo; se escribe como 1.234,56."
    ),
}


def misspelling(problem: Problem, digits: tuple[int, int] = (9, 9)) -> str:
    """Say what is wrong with a field and how it should look; `digits` (least, most) is for references."""
    if problem is Problem.REFERENCE:
        least, most = digits
        if least == most:
            return _(
                "La referencia tiene %(count)s dígitos, como %(example)s.",
                count=least,
                example="123456789012"[:least],
            )
        return _(
            "La referencia tiene de %(least)s a %(most)s dígitos, como %(example)s.",
            least=least,
            most=most,
            example="123456789012"[:most],
        )
    return str(_MISSPELLINGS[problem])


_EXAMPLES = {
    "reference": "123456789",
    "operation_date": "24/11/2026",
    "payer_bank": "0102 Venezuela",
    "amount": "1.234,56",
    "full_name": "María D'Angelo",
    "national_id": "V-12.345.678",
    "phone": "0414-1234567",
}


def missing(field: str) -> str:
    """Say that a field is empty, and how it should look."""
    example = _EXAMPLES.get(field)
    if example is None:
        return str(_MISSPELLINGS[Problem.MISSING])
    return _("Falta este dato. Escríbalo como %(example)s.", example=example)


def incomplete(fields: Iterable[str]) -> str:
    """Say that the bank cannot be asked before these fields are filled in."""
    names = ", ".join(str(FIELDS[name]).lower() for name in fields)
    return _(
        "Para consultarlo falta: %(fields)s. Corrija el pago y se consulta solo.", fields=names
    )


def amount_problem(problem: AmountProblem) -> str:
    """Say what is wrong with an amount and how it should look."""
    return str(_AMOUNTS[problem])


_DIFFERENCES = {
    ReasonCode.AMOUNT_DIFFERS: _l(
        "El monto no coincide: se declaró %(declared)s y el banco muestra %(bank)s."
    ),
    ReasonCode.CURRENCY_DIFFERS: _l(
        "La moneda no coincide: se esperaba %(declared)s y el banco muestra %(bank)s."
    ),
    ReasonCode.REFERENCE_DIFFERS: _l(
        "La referencia no coincide: se declaró %(declared)s y el banco muestra %(bank)s."
    ),
    ReasonCode.DATE_DIFFERS: _l(
        "La fecha no coincide: se declaró %(declared)s y el banco muestra %(bank)s."
    ),
    ReasonCode.PHONE_DIFFERS: _l(
        "El teléfono no coincide: se declaró %(declared)s y el banco muestra %(bank)s."
    ),
    ReasonCode.NATIONAL_ID_DIFFERS: _l(
        "La cédula no coincide: se declaró %(declared)s y el banco muestra %(bank)s."
    ),
    ReasonCode.TYPE_DIFFERS: _l(
        "El tipo de movimiento no coincide: se declaró %(declared)s y el banco muestra %(bank)s."
    ),
}


_SENTENCES = {
    **_DIFFERENCES,
    ReasonCode.NOT_FOUND: _l("Todavía no aparece en el banco."),
    ReasonCode.PENDING_AT_BANK: _l("El banco lo tiene en trámite («%(word)s»)."),
    ReasonCode.MATCHED: _l("El banco muestra el dinero y todo lo que se puede comparar coincide."),
    ReasonCode.REFUSED_BY_BANK: _l("El banco lo da por rechazado o reversado («%(word)s»)."),
    ReasonCode.UNRECOGNISED_WORD: _l("El banco respondió algo que no conocemos: «%(word)s»."),
    ReasonCode.SEVERAL_MOVEMENTS: _l("El banco muestra %(count)s movimientos posibles."),
    ReasonCode.MOVEMENT_ALREADY_USED: _l(
        "Ese movimiento del banco ya paga otro registro: %(holder)s."
    ),
    ReasonCode.NO_LONGER_SHOWN: _l("En la última consulta el banco ya no lo mostró."),
}


def in_words(reason: Reason) -> str:
    """Return a reason as a sentence."""
    code = ReasonCode(reason["code"])
    if code not in _SENTENCES:
        return _waited_too_long(code, reason)
    values = {**reason, "holder": reason.get("transaction_id")}
    if code in _DIFFERENCES:
        values |= {side: _shown(code, reason[side]) for side in ("declared", "bank")}
    return str(_SENTENCES[code]) % values


def _waited_too_long(code: ReasonCode, reason: Reason) -> str:
    hours = int(reason["hours"])
    if code is ReasonCode.STILL_PENDING:
        return ngettext(
            "El banco lo tiene en trámite («%(word)s») desde hace más de %(num)s hora.",
            "El banco lo tiene en trámite («%(word)s») desde hace más de %(num)s horas.",
            hours,
            word=reason["word"],
        )
    return ngettext(
        "No apareció en el banco durante %(num)s hora.",
        "No apareció en el banco durante %(num)s horas.",
        hours,
    )


def _shown(code: ReasonCode, value: str) -> str:
    try:
        if code is ReasonCode.AMOUNT_DIFFERS:
            return formatting.money(Decimal(value))
        if code is ReasonCode.DATE_DIFFERS:
            return formatting.day(date.fromisoformat(value))
        if code is ReasonCode.PHONE_DIFFERS:
            return formatting.phone(identifiers.phone(value))
        if code is ReasonCode.NATIONAL_ID_DIFFERS:
            return formatting.national_id(identifiers.national_id(value))
        if code is ReasonCode.TYPE_DIFFERS:
            return str(KINDS[TransactionType(value)])
    except ValueError:
        return value
    return value


def field_value(name: str, value: Any) -> str:
    """Return a declared field, or `status`, as the timeline shows it; the value may be as JSON stores it."""
    if value in (None, ""):
        return formatting.NOTHING
    match name:
        case "status":
            return str(STATUSES[Status(value)])
        case "bank":
            return str(BANKS[BankType(value)])
        case "transaction_type":
            return str(KINDS[TransactionType(value)])
        case "amount":
            return formatting.money(Decimal(value))
        case "operation_date":
            return formatting.day(date.fromisoformat(str(value)))
        case "phone":
            return formatting.phone(value)
        case "national_id":
            return formatting.national_id(value)
        case "payer_bank":
            return f"{value} {identifiers.BANKS.get(value, '')}".strip()
    return str(value)
