"""Spellings of phones, national ids, references and names in Venezuela (BANESCO.md, "Venezuelan facts"); pure.

Every function takes the typed text and returns the canonical spelling that is stored, or raises Misspelt. It checks the
length first, because normalising Unicode takes time that grows with the square of the length.
"""

from __future__ import annotations

import itertools
import re
import secrets
import unicodedata
from enum import StrEnum

BANKS = {
    "0102": "Venezuela",
    "0104": "Venezolano de Crédito",
    "0105": "Mercantil",
    "0108": "Provincial",
    "0114": "Bancaribe",
    "0115": "Exterior",
    "0128": "Caroní",
    "0134": "Banesco",
    "0137": "Sofitasa",
    "0138": "Plaza",
    "0146": "Bangente",
    "0151": "BFC Fondo Común",
    "0156": "100% Banco",
    "0157": "DelSur",
    "0163": "Tesoro",
    "0166": "Agrícola",
    "0168": "Bancrecer",
    "0169": "R4 (Mi Banco)",
    "0171": "Activo",
    "0172": "Bancamiga",
    "0173": "BID",
    "0174": "Banplus",
    "0175": "Digital de los Trabajadores (Bicentenario)",
    "0177": "Banfanb",
    "0178": "N58",
    "0191": "BNC",
    "0601": "IMCP",
}
"""Bank codes and names."""

MOBILE_PREFIXES = ("0412", "0422", "0414", "0424", "0416", "0426")
RESERVED_IDS = frozenset({"new", "batch", "export"})
"""Words that our own routes use in place of a transaction_id."""

NAME_LENGTH = (2, 255)
MAX_CONCEPT = 500
MAX_TYPED = 1000
"""How long a typed text may be, without the white space around it."""

_SEPARATORS = re.compile(r"[\s.\-()/]+")
_PHONE = re.compile(r"(?:(?:\+|00)?58)?0?(4\d{9})", re.ASCII)
_NATIONAL_ID = re.compile(r"([VE]?)0*(\d{4,8})", re.ASCII)
_TRANSACTION_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "‐": "-", "‑": "-"})
_PARTICLES = frozenset(
    {"de", "del", "la", "las", "los", "y", "e", "da", "das", "do", "dos", "di", "van", "von"}
)
_ID_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


class Problem(StrEnum):
    """What is wrong with a spelling."""

    MISSING = "missing"
    PHONE = "phone"
    PHONE_PREFIX = "phone_prefix"
    NATIONAL_ID = "national_id"
    NATIONAL_ID_COMPANY = "national_id_company"
    REFERENCE = "reference"
    NAME = "name"
    NAME_LENGTH = "name_length"
    CONCEPT_LENGTH = "concept_length"
    CONTROL_CHARACTER = "control_character"
    TRANSACTION_ID = "transaction_id"
    TRANSACTION_ID_RESERVED = "transaction_id_reserved"
    PAYER_BANK = "payer_bank"


class Misspelt(ValueError):
    """The text has no canonical spelling; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


def _stripped(typed: str, problem: Problem) -> str:
    """Return the text without the white space around it. Raises Misspelt where it is longer than MAX_TYPED."""
    text = typed.strip()
    if len(text) > MAX_TYPED:
        raise Misspelt(problem)
    return text


def phone(typed: str) -> str:
    """Return a mobile number as 11 digits, `04XXXXXXXXX`, from `+58 414-123.45.67` and the like."""
    bare = _SEPARATORS.sub("", _stripped(typed, Problem.PHONE))
    if not bare:
        raise Misspelt(Problem.MISSING)
    found = _PHONE.fullmatch(bare)
    if not found:
        raise Misspelt(Problem.PHONE)
    canonical = f"0{found[1]}"
    if not canonical.startswith(MOBILE_PREFIXES):
        raise Misspelt(Problem.PHONE_PREFIX)
    return canonical


def national_id(typed: str) -> str:
    """Return `V` or `E` and 4 to 8 digits, from `V-12.345.678`, `v12345678` or bare digits (a V)."""
    bare = _SEPARATORS.sub("", _stripped(typed, Problem.NATIONAL_ID)).upper()
    if not bare:
        raise Misspelt(Problem.MISSING)
    if bare[0] in "JGPC" and bare[1:].isdigit():
        raise Misspelt(Problem.NATIONAL_ID_COMPANY)
    found = _NATIONAL_ID.fullmatch(bare)
    if not found:
        raise Misspelt(Problem.NATIONAL_ID)
    return f"{found[1] or 'V'}{found[2]}"


def reference(typed: str, digits: tuple[int, int]) -> str:
    """Return the digits of a reference, at least and at most as many as `digits` says; leading zeros are kept."""
    bare = re.sub(r"[\s\-]+", "", _stripped(typed, Problem.REFERENCE))
    if not bare:
        raise Misspelt(Problem.MISSING)
    least, most = digits
    if not re.fullmatch(rf"\d{{{least},{most}}}", bare, re.ASCII):
        raise Misspelt(Problem.REFERENCE)
    return bare


def full_name(typed: str) -> str:
    """Return a person's name with its capitals set right: letters, spaces, apostrophes, hyphens and points."""
    words = " ".join(_stripped(typed, Problem.NAME_LENGTH).split())
    name = unicodedata.normalize("NFC", words).translate(_APOSTROPHES)
    if not name:
        raise Misspelt(Problem.MISSING)
    if any(not (character.isalpha() or character in " '-.") for character in name):
        raise Misspelt(Problem.NAME)
    letters = sum(character.isalpha() for character in name)
    if not name[0].isalpha() or letters < NAME_LENGTH[0]:
        raise Misspelt(Problem.NAME)
    stored = " ".join(
        _capitalised(word, first=place == 0) for place, word in enumerate(name.split(" "))
    )
    if (
        len(stored) > NAME_LENGTH[1]
    ):  # only now, because a capital can be longer than its letter: ß, SS
        raise Misspelt(Problem.NAME_LENGTH)
    return stored


def _capitalised(word: str, *, first: bool) -> str:
    """Set the capitals of a word as in `María D'Angelo de la Cruz`; `McDonald` is left alone (ERD 5.2, `v.title()`)."""
    if word.lower() in _PARTICLES and not first and (word.islower() or word.isupper()):
        return word.lower()
    return re.sub(r"[^\W\d_]+", lambda part: _capitalised_part(part[0]), word)


def _capitalised_part(letters: str) -> str:
    """Return a part of a word with one capital, or as typed where its capitals look deliberate."""
    pairs = itertools.pairwise(letters)
    deliberate = letters[0].isupper() and letters[-1].islower()
    if deliberate and not any(one.isupper() and two.isupper() for one, two in pairs):
        return letters
    return (
        letters.capitalize().capitalize()
    )  # twice: ŉ becomes two letters, of which one is capital


def searchable(text: str) -> str:
    """Return a name without accents and capitals, as searches compare it; only its first MAX_TYPED characters count."""
    split = unicodedata.normalize("NFKD", text[:MAX_TYPED].lower())
    plain = "".join(character for character in split if not unicodedata.combining(character))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain).split())


def concept(typed: str) -> str | None:
    """Return free text of at most MAX_CONCEPT characters, or None where it is empty."""
    short = _stripped(typed.replace("\r\n", "\n"), Problem.CONCEPT_LENGTH)
    text = unicodedata.normalize("NFC", short)
    if any(
        unicodedata.category(character) in ("Cc", "Cs")
        for character in text
        if character not in "\n\t"
    ):
        raise Misspelt(Problem.CONTROL_CHARACTER)
    if len(text) > MAX_CONCEPT:
        raise Misspelt(Problem.CONCEPT_LENGTH)
    return text or None


def transaction_id(typed: str) -> str:
    """Return the caller's own id: 1 to 100 letters, digits, `_` and `-`."""
    text = _stripped(typed, Problem.TRANSACTION_ID)
    if not _TRANSACTION_ID.fullmatch(text):
        raise Misspelt(Problem.TRANSACTION_ID)
    if text.lower() in RESERVED_IDS:
        raise Misspelt(Problem.TRANSACTION_ID_RESERVED)
    return text


def payer_bank(typed: str) -> str | None:
    """Return the 4 digits of a Venezuelan bank, or None where the text is empty."""
    text = _stripped(typed, Problem.PAYER_BANK)
    if not text:
        return None
    if text not in BANKS:
        raise Misspelt(Problem.PAYER_BANK)
    return text


def new_transaction_id() -> str:
    """Make an id that the product assigns: short enough to read aloud, too long to guess."""
    return "P-" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(12))
