"""JSON as RFC 8259 has it: no NaN, no Infinity, no name twice, no nesting that would exhaust the interpreter."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider


class StrictJSON(DefaultJSONProvider):
    """Whatever cannot be read is a ValueError, which Flask answers with 400."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return super().loads(
                s, parse_constant=_refuse, object_pairs_hook=_each_name_once, **kwargs
            )
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ in which of two values they take, so neither is."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name stands twice")
    return content


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def init_app(app: Flask) -> None:
    """Read every body in this way."""
    app.json = StrictJSON(app)
