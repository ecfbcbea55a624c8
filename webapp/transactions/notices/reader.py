"""Read a pasted notice or receipt into the fields of a payment, and say what of it is doubtful."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from webapp.transactions.notices import amounts, fields
from webapp.transactions.notices.findings import Doubt, Finding
from webapp.transactions.notices.pasted import MAX_PASTED, Pasted


class Refusal(StrEnum):
    """Why a whole text fills nothing."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    ONE_TIME_KEY = "one_time_key"
    SENT = "sent"
    BALANCE = "balance"
    NO_PAYMENT = "no_payment"


class NotANotice(ValueError):
    """The text tells of no payment that was received; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True)
class Notice:
    """What a text says, by field of the payment's form: the values, and the doubts about them."""

    values: dict[str, str]
    doubts: dict[str, Doubt]
    elsewhere: str | None
    """The bank (a code of `identifiers.BANKS`) in which the money arrived, where that is not Banesco."""


_ONE_TIME_KEY = re.compile(
    r"clave (?:de pago|de operaciones|dinamica|temporal|especial|unica|de un solo uso)|\botp\b"
    r"|codigo (?:de )?(?:verificacion|seguridad|confirmacion|acceso|unico|validacion|autorizacion)"
)
_RECEIVED = re.compile(r"recib|abono|acreditad|ha llegado")
_SENT = re.compile(
    r"(?:desde (?:su |tu |la |mi )?cuenta|enviaste|has enviado|pago ?m.?vil (?:enviado|realizado)|debito por"
    r"|realizaste (?:un|una) (?:pago|transferencia)|si no la realizaste)"
)
_BALANCE = re.compile(r"saldo")
_PAYMENT = re.compile(r"recib|abono|pago|transferencia|operaci|tpago|monto|ref")
_RECEIVERS = (
    (r"recibiste un(?:a transferencia)? ?(?:pagomovil)?bdv|\bbdv:|recibiste una transferencia de otros bancos", "0102"),
    (r"tpago recibido|mercantil: recib", "0105"),
    (r"provincial informa:? has recibido|dinero rapido bbva: recib", "0108"),
    (r"bancaribe se complace", "0114"),
    (r"bnc pago movil recibido", "0191"),
    (r"bancamiga informa: abono", "0172"),
    (r"banplus te informa: abono", "0174"),
)  # fmt: skip
"""Notices of the bank in which the money arrived, by how they begin."""


def read(text: str, *, today: date) -> Notice:
    """Read what was pasted; `today` is the day in Caracas. Raises NotANotice."""
    if len(text) > MAX_PASTED:
        raise NotANotice(Refusal.TOO_LONG)
    pasted = Pasted.from_text(text)
    if len(pasted.shown) > MAX_PASTED:  # one typed character can be eighteen compatible ones
        raise NotANotice(Refusal.TOO_LONG)
    refusal = _refusal(pasted.plain)
    if refusal:
        raise NotANotice(refusal)
    found: dict[str, Finding] = {
        "bank": fields.kind(pasted),
        "reference": fields.reference(pasted),
        "amount": amounts.amount(pasted),
        "payer_bank": fields.payer_bank(pasted),
        "operation_date": fields.day(pasted, today),
        "full_name": fields.full_name(pasted),
        "national_id": fields.national_id(pasted),
        "phone": fields.phone(pasted),
    }
    values = {name: one.value for name, one in found.items() if one.value is not None}
    doubts = {name: one.doubt for name, one in found.items() if one.doubt is not None}
    if not {"reference", "amount"} & (values.keys() | doubts.keys()):
        raise NotANotice(Refusal.NO_PAYMENT)
    return Notice(values, doubts, _elsewhere(pasted.plain))


def _refusal(plain: str) -> Refusal | None:
    if not plain:
        return Refusal.EMPTY
    if _ONE_TIME_KEY.search(plain):
        return Refusal.ONE_TIME_KEY
    if _SENT.search(plain) and not _RECEIVED.search(plain):
        return Refusal.SENT
    if _BALANCE.search(plain) and not _PAYMENT.search(plain):
        return Refusal.BALANCE
    return None


def _elsewhere(plain: str) -> str | None:
    return next((code for words, code in _RECEIVERS if re.search(words, plain)), None)
