"""Reference, day, phone, document, name, kind and payer's bank of a pasted text, each by itself."""

from __future__ import annotations

import re
from datetime import date

from webapp.banking.gateway import BankType
from webapp.transactions import identifiers
from webapp.transactions.identifiers import Misspelt
from webapp.transactions.notices.findings import Doubt, Finding, only_one
from webapp.transactions.notices.pasted import Pasted

OLDEST = date(2020, 1, 1)

_UNREADABLE = "[?\ufffd]"
_NUMBER = rf"(?:n(?:{_UNREADABLE}|u)?mero|nro|num|n[o°º]|#)"
_REFERENCE = re.compile(
    rf"(?:{_NUMBER}\.? de (?:referencia|recibo)|(?:recibo|ref(?:erencia)?)(?: ?{_NUMBER})?"
    rf"|(?P<app>{_NUMBER}\.? de operaci.?n|operaci.?n(?= ?:)))"
    r" ?[.:#]* ?(?P<digits>[\d*x]{4,20})(?=(?P<rest>.{0,12}))"
)
_REFERENCE_GOES_ON = re.compile(r"[\d*]|[/:-]\d|,\d| (?!\d{1,2}[/-]\d)\d")
_DAY = re.compile(r"(?<![\d/-])(\d{1,2})([/-])(\d{1,2})\2(\d{4}|\d{2})(?=\d{1,2}:\d{2}|[^\d/]|$)")
_ISO_DAY = re.compile(r"(?<!\d)(20\d{2})[/-](\d{2})[/-](\d{2})(?!\d)")
_PHONE = re.compile(r"(?<![\d*])(?:\+?58[ -]?)?0?4\d{2}[ .-]?\d{3}[ .-]?\d{2}[ .-]?\d{2}(?![\d*])")
_MASKED_PHONE = re.compile(
    r"(?:tlfn?|telf?|telefono|cel|celular|origen|del)[^*\d]{0,12}\d{0,4}\*+\d+"
)
_OURS = re.compile(r"(?:destino|receptor|beneficiario|pago a)[^\d]{0,40}$")
_THE_BANKS = re.compile(r"(?:para mas inf|llam\w*|envia\w*)[^\d]{0,40}$")
_OF_THE_REFERENCE = re.compile(r"(?:ref(?:erencia)?|recibo|operaci.?n)[ .:#n°o]*$")
_DOCUMENT = re.compile(
    r"(?:(?<![a-z])(?P<label>c\.? ?i\.?|c.?dula(?: de identidad)?|documento|identificacion(?: pagador| emisor)?) ?[.:]? ?"
    r"|(?<![a-z0-9]))(?P<letter>[vejgp]?)(?P<dash> ?- ?)?(?P<digits>\d{1,3}(?:\.\d{3}){1,2}|\d{5,10})(?![\d*]|[./,-]\d)"
)
_KINDS = (
    (BankType.MOBILE_TRANSFER, r"pago ?m.?vil|pago-movil|tpago|pago ?clave|pago ?plus|dinero r.?pido|celular de origen"),
    (BankType.BANESCO, r"transferencia|cuenta debitada|n.? ?de recibo|recibo n"),
)  # fmt: skip
_EMITTER = re.compile(
    r"banco (?:emisor|de origen|origen|pagador) ?:? ?(\d{4})|origen ?:? ?(01\d{2})(?=[\d*]{4})"
)
_EMITTER_NAME = re.compile(
    r"banco (?:emisor|de origen|origen|pagador) ?:? ?(?:banco (?:de )?|bbva )?([a-z0-9][a-z0-9%. ]{2,40})"
)
_NAME = r"(?P<name>[^\W\d_](?:[^\W\d_]|[ .'’-]){1,80}?)"
_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:pago ?movil(?:bdv)?|transferencia(?: bdv)?(?: de otros bancos)?|tpago|abono) de {_NAME} por (?:la cantidad de )?bs",
        rf"por bs ?\.? ?[\d.,]+ de {_NAME}\.? ?,? (?:con )?(?:ref|bajo|el \d|ci\b|tlf|tel|cel)",
        rf"(?:pagador|ordenante) ?: ?{_NAME}(?: [a-z]+ ?:|$| \d)",
    )
)
_NO_NAMES = re.compile(
    r"\b(?:otros bancos|cuenta|pago ?movil|transferencia|banco|bs|cel|tlf|ci|cedula)\b"
)


def reference(pasted: Pasted) -> Finding:
    """Return the digits of the reference; the number of a bank's app counts only where there is no other."""
    sure: set[str] = set()
    app: set[str] = set()
    for found in _REFERENCE.finditer(pasted.plain):
        if not found["digits"].isdigit():
            return Finding(doubt=Doubt.MASKED)
        if _REFERENCE_GOES_ON.match(found["rest"]):
            return Finding(doubt=Doubt.AMBIGUOUS)
        (app if found["app"] else sure).add(found["digits"])
    if sure or not app:
        return only_one(sure)
    one = only_one(app)
    return Finding(one.value, one.doubt or Doubt.APP_NUMBER)


def day(pasted: Pasted, today: date) -> Finding:
    """Return the day of the payment as `2026-11-24`; days are written day first, as everywhere in Venezuela."""
    found: set[str] = set()
    impossible = False
    for year, month, number in _days(pasted.plain):
        try:
            value = date(year, month, number)
        except ValueError:
            return Finding(doubt=Doubt.AMBIGUOUS)
        if OLDEST <= value <= today:
            found.add(value.isoformat())
        else:
            impossible = True
    if impossible:
        return Finding(doubt=Doubt.IMPOSSIBLE)
    return only_one(found)


def _days(plain: str) -> list[tuple[int, int, int]]:
    written = [
        (int(one[4]) + (2000 if len(one[4]) == 2 else 0), int(one[3]), int(one[1]))
        for one in _DAY.finditer(plain)
    ]
    iso = [(int(one[1]), int(one[2]), int(one[3])) for one in _ISO_DAY.finditer(plain)]
    return written + iso


def phone(pasted: Pasted) -> Finding:
    """Return the payer's mobile number; the receiver's and the bank's own are left out."""
    found: set[str] = set()
    otherwise = Doubt.MASKED if _MASKED_PHONE.search(pasted.plain) else None
    for one in _PHONE.finditer(pasted.plain):
        before = pasted.plain[: one.start()]
        if _OF_THE_REFERENCE.search(before) or _THE_BANKS.search(before):
            continue
        if _OURS.search(before):
            otherwise = otherwise or Doubt.OURS
            continue
        try:
            found.add(identifiers.phone(one[0]))
        except Misspelt:
            otherwise = Doubt.AMBIGUOUS
    return only_one(found, otherwise)


def national_id(pasted: Pasted) -> Finding:
    """Return the payer's document as `V12345678`; bare digits count only behind a label."""
    found: set[str] = set()
    otherwise: Doubt | None = None
    for one in _DOCUMENT.finditer(pasted.plain):
        if not (one["label"] or one["letter"]):
            continue
        before = pasted.plain[: one.start()]
        if (one["label"] or "") == "identificacion" or _OURS.search(before):
            otherwise = Doubt.OURS  # receipts name the receiver's document so
        elif one["letter"] in ("j", "g", "p"):
            otherwise = Doubt.COMPANY
        else:
            try:
                found.add(identifiers.national_id(f"{one['letter']}{one['digits']}"))
            except Misspelt:
                otherwise = Doubt.AMBIGUOUS
    return only_one(found, otherwise)


def full_name(pasted: Pasted) -> Finding:
    """Return the payer's name with its capitals set right."""
    found: set[str] = set()
    for pattern in _NAMES:
        for one in pattern.finditer(pasted.plain):
            if _NO_NAMES.search(one["name"]):
                continue
            try:
                found.add(identifiers.full_name(pasted.shown[one.start("name") : one.end("name")]))
            except Misspelt:
                continue
    return only_one(found)


def kind(pasted: Pasted) -> Finding:
    """Return the kind of payment (a value of BankType), where the text names only one."""
    return only_one({bank.value for bank, words in _KINDS if re.search(words, pasted.plain)})


def payer_bank(pasted: Pasted) -> Finding:
    """Return the four digits of the bank that sent the money, where the text names it as such."""
    found = {one[1] or one[2] for one in _EMITTER.finditer(pasted.plain)}
    for one in _EMITTER_NAME.finditer(pasted.plain):
        found |= {
            code
            for code, name in identifiers.BANKS.items()
            if one[1].startswith(identifiers.searchable(name))
        }
    for words, code in _RECEIPTS:
        if not found and re.search(words, pasted.plain):
            found = {code}
    if not found <= identifiers.BANKS.keys():
        return Finding(doubt=Doubt.AMBIGUOUS)
    return only_one(found, Doubt.NOT_NAMED)


_RECEIPTS = (
    (r"(?:pagomovilbdv|bdv) personas", "0102"),
    (r"tu tpago fue exitoso", "0105"),
    (r"el dinero fue enviado.*(?:dinero rapido|provincial)", "0108"),
    (r"cuenta debitada", "0134"),
)
"""Receipts of the payer's own bank, by words that only it writes."""
