"""Which amount a pasted text speaks of: none rather than a wrong one.

The last separator followed by one or two digits is the decimal one, groups of exactly three are thousands
(NOTICES, "Rules").
"""

from __future__ import annotations

import re
from decimal import Decimal

from webapp.kernel.money import InvalidAmount, parse_amount
from webapp.transactions.notices.findings import Doubt, Finding
from webapp.transactions.notices.pasted import Pasted

_CURRENCY = r"(?:bs ?\.? ?[sdf]?\.?|ves|bolivares)"
_MARK = re.compile(
    rf"(?:(?<![a-z]){_CURRENCY}|(?<=[a-z])bs\. ?|monto(?: de la operacion| total| transferido| pagado| enviado)?)"
    rf" ?[:=]? ?(?:{_CURRENCY} ?)?(?=[\d.,+*-])"
)
"""What stands before an amount."""
_FIGURE = re.compile(r"\d[\d.,]*")
_AFTER_FIGURE = re.compile(r"(?<![\d.,])(\d[\d.,]*) ?(?:bs|bolivares|ves)(?![a-z])")
_NOT_THE_PAYMENT = re.compile(
    r"(?:saldo|disponible|comision|cargo por servicio|limite)[^\d]{0,40}$"
)
_DATE = re.compile(r" \d{1,2}[/-]\d{1,2}[/-]\d{2,4}")
_TOUCHES = re.compile(r"[/:*x-] ?\d|\*")


def amount(pasted: Pasted) -> Finding:
    """Return the payment's amount as `1234,50`; several different ones, or an unclear one, are a doubt."""
    found: set[Decimal] = set()
    for place in _places(pasted.plain):
        if _NOT_THE_PAYMENT.search(pasted.plain[: place[0]]):
            continue
        value = _value(pasted.plain, *place[1:])
        if value is None:
            return Finding(doubt=Doubt.AMBIGUOUS)
        found.add(value)
    if len(found) > 1:
        return Finding(doubt=Doubt.SEVERAL)
    return Finding(f"{found.pop():.2f}".replace(".", ",")) if found else Finding()


def _places(plain: str) -> list[tuple[int, int, int]]:
    """Return where amounts stand: the beginning of the mark before them, and their own beginning and end."""
    marked = []
    for mark in _MARK.finditer(plain):
        figure = _FIGURE.match(plain, mark.end())
        end = figure.end() if figure else mark.end()
        marked.append((mark.start(), mark.end(), end))
    if marked:
        return marked
    # Only with a separator: `REF 000123 Bs` is no amount.
    trailing = [one for one in _AFTER_FIGURE.finditer(plain) if re.search(r"[.,]\d", one[1])]
    return [(one.start(), one.start(1), one.end(1)) for one in trailing]


def _value(plain: str, begin: int, end: int) -> Decimal | None:
    """Return the amount that stands there, or None where it can be read in two ways or in none."""
    figure = plain[begin:end].rstrip(".,")
    rest = plain[begin + len(figure) :]
    if not figure or _TOUCHES.match(rest):
        return None
    is_whole = not re.search(r"[.,]\d{1,2}$", figure)
    if is_whole and re.match(r"[.,]? \d", rest) and not _DATE.match(rest):
        return None  # `1 234,56`, or a figure that was cut by the end of a line
    if re.match(r"0\d", figure):
        return None
    try:
        return parse_amount(figure)
    except InvalidAmount:
        return None
