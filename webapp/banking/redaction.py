"""What may be kept of a question and its reply as evidence: everything but secrets (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from webapp.banking.exchange import ACCEPT, Reply

SECRET_NAMES = frozenset(
    {
        "access_token",
        "refresh_token",
        "id_token",
        "authorization",
        "client_secret",
        "password",
        "token",
        "username",
    }
)
STRUCK_OUT = "•••"
MAX_KEPT_CHARACTERS = 20_000
SHORTEST_SECRET = 8
"""Shorter values are no tokens, and would strike out half of every reply."""


def kept_request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    form: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the request exactly as it is sent, for `CallRecord.request`; secrets are struck out.

    `form` is sent form-encoded, `body` as JSON, as by `BankHttp.send`.
    """
    kept: dict[str, Any] = {
        "method": method,
        "url": without_secrets(url),
        "headers": {**ACCEPT, **{name: _header(name, value) for name, value in headers.items()}},
    }
    if form is not None:
        kept["headers"]["Content-Type"] = "application/x-www-form-urlencoded"
        kept["form"] = strike_out(dict(form))
    if body is not None:
        kept["headers"]["Content-Type"] = "application/json"
        kept["body"] = strike_out(dict(body))
    return kept


def _header(name: str, value: str) -> str:
    if name.lower() == "authorization":
        return f"{value.partition(' ')[0]} {STRUCK_OUT}"
    return STRUCK_OUT if name.lower() in SECRET_NAMES else value


def without_secrets(url: str) -> str:
    """Return the address without its user part, and with secrets of its query struck out."""
    parts = urlsplit(url)
    query = [
        (name, STRUCK_OUT if name.lower() in SECRET_NAMES else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    host = parts.netloc.rpartition("@")[2]
    if host == parts.netloc and STRUCK_OUT not in dict(query).values():
        return url
    return parts._replace(
        netloc=host, query=urlencode(query).replace(quote(STRUCK_OUT), STRUCK_OUT)
    ).geturl()


def redacted(reply: Reply, secret: str = "") -> Any:
    """Return the reply as JSON where it is JSON, else its beginning as text; secrets are struck out.

    `secret` is struck out wherever it occurs: a bank's error page may repeat the token it was sent.
    """
    text = reply.body[:MAX_KEPT_CHARACTERS].decode("utf-8", "replace").replace("\x00", "�")
    if len(reply.body) > MAX_KEPT_CHARACTERS:
        return {"text": _without(text, secret), "cut": True}
    try:
        return strike_out(json.loads(text, parse_float=str, parse_constant=str), secret)
    except (ValueError, RecursionError):
        return {"text": _without(text, secret)}


def strike_out(value: Any, secret: str = "") -> Any:
    """Return the value with `secret` and all that is named like a secret struck out, and NUL replaced."""
    if isinstance(value, dict):
        return {
            _storable(_without(name, secret)): STRUCK_OUT
            if name.lower() in SECRET_NAMES
            else strike_out(item, secret)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [strike_out(item, secret) for item in value]
    return _storable(_without(value, secret)) if isinstance(value, str) else value


def _without(text: str, secret: str) -> str:
    """Return the text without the secret, which JSON may also spell with escaped slashes."""
    if len(secret) < SHORTEST_SECRET:
        return text
    return text.replace(secret, STRUCK_OUT).replace(secret.replace("/", r"\/"), STRUCK_OUT)


def _storable(text: str) -> str:
    # PostgreSQL's JSONB takes neither NUL nor half a surrogate pair.
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()
