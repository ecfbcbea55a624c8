"""The formats of the API's values as JSON Schema: what does not fit is refused.

The descriptions name spellings that are accepted as well, such as separators in phones. Patterns use only what every
engine reads alike, with and without the flag `u` of ECMA-262: no character properties, no lookaround. They therefore
leave it to the description which characters beyond Latin-1 are letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from webapp.accounts import passwords
from webapp.transactions import identifiers
from webapp.transactions.status_changes import MAX_REASON
from webapp.webhooks.addresses import DEFAULT_PORTS

Schema = dict[str, Any]


def never_null(*names: str, examples: Sequence[Schema] = ()) -> Callable[[Schema], None]:
    """Return a function that publishes these fields as optional but never null, and all fields without a default."""

    def refine(schema: Schema) -> None:
        if examples:
            schema["examples"] = list(examples)
        for given in schema["properties"].values():
            given.pop("default", None)
        for name in names:
            given = schema["properties"][name]
            (kept,) = [part for part in given.pop("anyOf") if part.get("type") != "null"]
            given.update({**kept, **given})

    return refine


def _text(
    pattern: str | None, description: str, *examples: str, longest: int | None = None
) -> Schema:
    shown: Schema = {"pattern": pattern} if pattern else {}
    if longest is not None:
        shown["maxLength"] = longest
    return {"type": "string", **shown, "description": description, "examples": list(examples)}


_PREFIX = "4(?:12|14|16|22|24|26)"
# White space that is trimmed; \s does not mean all of it in every engine.
_BLANK = r"\s\u001c-\u001f\u0085"
_TRIMMED = f"[{_BLANK}]*"
_SEEN = r"[^\s\u0000-\u001f\u007f-\u00a0\u00ad]"
"""Printable characters without the space."""
_SEEN_OR_BLANK = r"[^\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad]"
_BEYOND_ASCII = r"\u007b-\u00a9\u00ab-\u00b3\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7"
"""What is no letter from `{` to the end of Latin-1, except the acute accent, which is read as an apostrophe."""
_LETTER = rf"[^\u0000-\u0040\u005b-\u0060\u00b4{_BEYOND_ASCII}]"
_OF_A_NAME = rf"[^\u0000-\u001f\u0021-\u0026\u0028-\u002c\u002f-\u0040\u005b-\u005f{_BEYOND_ASCII}]"
"""Characters of a name: letters, spaces, apostrophes (also typed as accents), hyphens and points."""

PHONE = _text(
    rf"^(?:(?:\+|00)?58)?0?{_PREFIX}[0-9]{{7}}$",
    "A Venezuelan mobile number; spaces, points, hyphens and brackets are taken out.",
    "04141234567",
)
NATIONAL_ID = _text(
    "^[VEve]?0{0,8}[0-9]{4,8}$",
    "`V` or `E` and 4 to 8 digits; bare digits are a `V`. Spaces, points and hyphens are taken out.",
    "V12345678",
)
FULL_NAME = _text(
    rf"^{_LETTER}{_OF_A_NAME}*{_LETTER}{_OF_A_NAME}*$",
    "Letters, spaces, apostrophes, hyphens and points, at least two letters; capitals are set right.",
    "María D'Angelo",
    longest=identifiers.NAME_LENGTH[1],
)
CONCEPT = _text(
    rf"^{_TRIMMED}[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*{_TRIMMED}$",
    "What was paid for, in free words.",
    "Consulta",
    longest=identifiers.MAX_CONCEPT,
)
TRANSACTION_ID = _text(
    "^[A-Za-z0-9_-]{1,100}$",
    "Your own id of the payment; the words `new`, `batch` and `export` are taken.",
    "HIS-2026-100124000",
)
REFERENCE = _text(
    "^[0-9]{1,20}$",
    "The bank's reference, as many digits as the bank's interface demands; spaces and hyphens are taken out.",
    "100124000",
)
PAYER_BANK: Schema = {
    "type": "string",
    "enum": ["", *identifiers.BANKS],
    "description": "The four digits of the payer's bank; empty is the same as none.",
    "examples": ["0102"],
}
AMOUNT = _text(
    r"^(?:0{0,2}[1-9][0-9]{0,15}(?:\.[0-9]{1,2})?|0{1,18}\.(?:0[1-9]|[1-9][0-9]?))$",
    "Bolívares as a string, more than zero, at most two decimals. A JSON number is refused: it may be inexact.",
    "1240.00",
)
DAY: Schema = {
    "type": "string",
    "format": "date",
    "description": "A day in Caracas, from 2020 to today.",
    "examples": ["2026-11-24"],
}
REASON = _text(
    r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$",
    "In words, for the trail; not empty.",
    "Coincide con el estado de cuenta",
    longest=MAX_REASON,
)
EMAIL = _text(
    r"^[^@\s\u0000\u001c-\u001f\u0085]{1,64}@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+$",
    "Capitals do not count.",
    "nueva@clinica.com",
    longest=255,
)
SEARCH = _text(r"^[^\u0000]*$", "A part of a name or e-mail.", "rosa", longest=255)
KEY_NAME = _text(
    rf"^{_TRIMMED}{_SEEN}{_SEEN_OR_BLANK}*$",
    "Which program has the key, in printable characters; unique among the user's keys in use.",
    "HIS, servidor 2",
    longest=100,
)


def webhook_url_pattern(ports: Iterable[int]) -> str:
    """Return the pattern of a webhook's address at one of these ports."""
    port = "|".join(map(str, ports))
    host = r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z0-9_-]+"
    return rf"^[Hh][Tt][Tt][Pp][Ss]://{host}(?::(?:{port}))?(?:[/?][!-\u0022$-\[\]-~]*)?$"


WEBHOOK_URL = _text(
    webhook_url_pattern(DEFAULT_PORTS),
    "Where messages are sent: https, without user, password or fragment; its name must lead to public addresses.",
    "https://his.clinica.com/pagos",
    longest=2000,
)
DESCRIPTION = _text(r"^[^\u0000]*$", "Your own note.", "HIS", longest=200)
PERSON_NAME = _text(
    rf"^{_TRIMMED}{_SEEN}{_SEEN_OR_BLANK}*{_SEEN}{_TRIMMED}$",
    "Name and surname of the user, in printable characters.",
    "Nueva Persona",
    longest=255,
)
PASSWORD: Schema = {
    "type": "string",
    "format": "password",
    "pattern": r"^[^\u0000]*$",
    "minLength": passwords.MIN_LENGTH,
    "maxLength": passwords.MAX_LENGTH,
    "examples": ["una frase larga y propia"],
}
UUID: Schema = {
    "type": "string",
    "format": "uuid",
    "examples": ["0f8fad5b-d9cb-469f-a165-70867728950e"],
}
MOMENT: Schema = {"type": "string", "format": "date-time"}
STORED_PHONE: Schema = {"type": "string", "pattern": f"^0{_PREFIX}[0-9]{{7}}$"}
STORED_NATIONAL_ID: Schema = {"type": "string", "pattern": "^[VE][0-9]{4,8}$"}
STORED_AMOUNT: Schema = {"type": "string", "pattern": r"^[0-9]{1,16}\.[0-9]{2}$"}
