"""The questions of the dialect `confirmation`: which of the four searches one is, if well formed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from webapp.banking.sandbox.store import BANESCO


class SearchKind(StrEnum):
    """The four searches, told apart by the fields of `transaction` alone."""

    MOBILE = "pago móvil"
    BANESCO = "transferencia entre cuentas Banesco"
    OTHER_BANK = "transferencia de otro banco"
    STATEMENT = "estado de cuenta"


SHAPES = {
    frozenset({"referenceNumber", "phoneNum", "bankId", "startDt"}): SearchKind.MOBILE,
    frozenset({"referenceNumber", "accountId", "bankId"}): SearchKind.BANESCO,
    frozenset({"referenceNumber", "accountId", "bankId", "startDt"}): SearchKind.OTHER_BANK,
    frozenset({"accountId", "startDt", "endDt"}): SearchKind.STATEMENT,
}
ENVELOPE = {"device": ("type", "description", "ipAddress"), "securityAuth": ("sessionId",)}
TAIL = 6
LONGEST_STATEMENT = 30


class Rejected(Exception):
    """The bank finds nothing or does not search; `code` is the bank's (70001, 70005, VDE01, VDE02)."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class Search:
    """One well-formed question. Fields that the kind does not have are empty."""

    kind: SearchKind
    reference: str = ""
    phone: str = ""
    bank_id: str = ""
    account: str = ""
    start: date | None = None
    end: date | None = None


def read_body(body: bytes) -> tuple[Mapping[str, Any], str]:
    """Return the `transaction` of a request and its sessionId. Raises Rejected (VDE01, VDE02)."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise Rejected("VDE02", "JSON malformado") from None
    request = _object(_object(payload, "cuerpo").get("dataRequest"), "dataRequest")
    for name, fields in ENVELOPE.items():
        part = _object(request.get(name), name)
        for field in fields:
            if part.get(field) in (None, ""):
                raise Rejected("VDE01", f"Campo requerido: {name}.{field}")
            if not isinstance(part[field], str):
                raise Rejected("VDE02", f"Formato inválido: {name}.{field}")
    transaction = _object(request.get("transaction"), "transaction")
    return transaction, request["securityAuth"]["sessionId"]


def read_search(transaction: Mapping[str, Any]) -> Search:
    """Read a search from the fields of `transaction`.

    Raises Rejected: 70001, in silence, for a missing, extra or unfitting field; VDE02 for a wrong
    type or day; 70005 for a statement of more than 30 days.
    """
    kind = SHAPES.get(frozenset(transaction))
    if kind is None:
        raise nothing_found()
    for name, value in transaction.items():
        if not isinstance(value, str) or not value.isprintable():
            raise Rejected("VDE02", f"Formato inválido: {name}")
    search = Search(
        kind=kind,
        reference=transaction.get("referenceNumber", ""),
        phone=transaction.get("phoneNum", ""),
        bank_id=transaction.get("bankId", ""),
        account=transaction.get("accountId", ""),
        start=_day(transaction, "startDt"),
        end=_day(transaction, "endDt"),
    )
    if kind is SearchKind.STATEMENT:
        _check_range(search)
    elif not _fits(search):
        raise nothing_found()
    return search


def nothing_found() -> Rejected:
    """Return the rejection for what is not found, and for a question that is none of the four."""
    return Rejected("70001", "No se encontraron resultados")


def reference_in(body: bytes) -> str | None:
    """Return the reference that a request is about, for the call log; None where it cannot be read."""
    try:
        reference = json.loads(body)["dataRequest"]["transaction"]["referenceNumber"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    return reference if isinstance(reference, str) else None


def _fits(search: Search) -> bool:
    """Return whether the values could ever find anything."""
    if not _digits(search.reference) or not _digits(search.bank_id, 4):
        return False
    match search.kind:
        case SearchKind.MOBILE:
            known_phone = _digits(search.phone, 12) and search.phone.startswith("58")
            return known_phone and len(search.reference) == TAIL
        case SearchKind.BANESCO:
            return search.bank_id == BANESCO and _is_account(search.account)
        case _:
            return (
                search.bank_id != BANESCO
                and _is_account(search.account)
                and len(search.reference) == TAIL
            )


def _check_range(search: Search) -> None:
    if not _is_account(search.account):
        raise nothing_found()
    if search.start is None or search.end is None or search.end < search.start:
        raise Rejected("VDE02", "Formato inválido: endDt")
    if (search.end - search.start).days > LONGEST_STATEMENT:
        raise Rejected("70005", "Rango de fechas no permitido")


def _is_account(account: str) -> bool:
    return _digits(account, 20) and account.startswith(BANESCO)


def _digits(value: str, length: int | None = None) -> bool:
    return value.isascii() and value.isdigit() and length in (None, len(value))


def _day(transaction: Mapping[str, Any], name: str) -> date | None:
    if name not in transaction:
        return None
    value = transaction[name]
    try:
        if len(value) != len("2026-11-24"):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise Rejected("VDE02", f"Formato inválido: {name}") from None


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if value is None:
        raise Rejected("VDE01", f"Campo requerido: {name}")
    if not isinstance(value, dict):
        raise Rejected("VDE02", f"Formato inválido: {name}")
    return value
