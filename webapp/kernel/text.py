"""What PostgreSQL can keep of a text."""

from __future__ import annotations


def is_storable(text: str) -> bool:
    """False for NUL and for half a surrogate pair, which JSON can carry and PostgreSQL cannot."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
