"""What of a bank's answer may be kept as evidence: everything but secrets."""

from __future__ import annotations

import json
from typing import Any

from webapp.banking.http import Reply

SECRET_NAMES = frozenset(
    {
        "access_token",
        "refresh_token",
        "id_token",
        "authorization",
        "client_secret",
        "password",
        "token",
    }
)
STRUCK_OUT = "•••"
MAX_KEPT_CHARACTERS = 20_000


def redacted(reply: Reply) -> Any:
    """The answer as JSON where it is JSON, else its beginning as text; secrets struck out."""
    text = reply.body[:MAX_KEPT_CHARACTERS].decode("utf-8", "replace").replace("\x00", "�")
    if len(reply.body) > MAX_KEPT_CHARACTERS:
        return {"text": text, "cut": True}
    try:
        return strike_out(json.loads(text, parse_float=str, parse_constant=str))
    except (ValueError, RecursionError):
        return {"text": text}


def strike_out(value: Any) -> Any:
    """The same value with everything that is named like a secret struck out, NUL replaced."""
    if isinstance(value, dict):
        return {
            _storable(name): STRUCK_OUT if name.lower() in SECRET_NAMES else strike_out(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [strike_out(item) for item in value]
    return _storable(value) if isinstance(value, str) else value


def _storable(text: str) -> str:
    # PostgreSQL's JSONB takes neither NUL nor half a surrogate pair.
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()
