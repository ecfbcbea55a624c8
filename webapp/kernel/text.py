"""Texts that PostgreSQL can store."""

from __future__ import annotations


def is_storable(text: str) -> bool:
    """Tell whether PostgreSQL can keep a text: not NUL, nor half a surrogate pair, which JSON can carry."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
