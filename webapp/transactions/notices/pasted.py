"""A pasted text, made even: white space folded, and beside it the same text without accents and capitals."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_PASTED = 4000
"""How many characters a pasted text may have."""

_ZERO_WIDTH = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))


@dataclass(frozen=True)
class Pasted:
    """The text in two spellings of the same length, so that a place in one is the place in the other."""

    shown: str
    """As it was written, with single spaces in place of all white space."""
    plain: str
    """In small letters without accents, for looking labels up."""

    @classmethod
    def from_text(cls, text: str) -> Pasted:
        """Read what was pasted, of which the caller has bounded the length."""
        compatible = unicodedata.normalize("NFKC", text).translate(_ZERO_WIDTH)
        shown = re.sub(r"\s+", " ", compatible).strip()
        return cls(shown, "".join(map(_plain, shown)))


def _plain(character: str) -> str:
    base = unicodedata.normalize("NFKD", character)[0].lower()
    return base if len(base) == 1 else character
