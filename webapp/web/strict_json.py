"""JSON read strictly (RFC 8259): UTF-8 only, no NaN, no Infinity, no name twice, no nesting beyond the interpreter's limit."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider


class StrictJSON(DefaultJSONProvider):
    """A strict reader of JSON: what is not JSON raises ValueError, which Flask answers with 400."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON; bytes must be UTF-8 without a byte order mark (RFC 8259, section 8.1). Raises ValueError."""
        # Python's own reader would guess UTF-16 and UTF-32 from the first bytes.
        text = s if isinstance(s, str) else s.decode("utf-8")
        try:
            return super().loads(
                text, parse_constant=_refuse, object_pairs_hook=_each_name_once, **kwargs
            )
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. Raises ValueError for a name that occurs twice: readers differ in which value they take."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name occurs twice")
    return content


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def init_app(app: Flask) -> None:
    """Read every JSON body of the application strictly."""
    app.json = StrictJSON(app)
