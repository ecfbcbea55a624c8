"""The texts that people read, in the language of the request: Flask-Babel's functions, typed."""

from __future__ import annotations

from typing import Any

import flask_babel


def gettext(text: str, **values: Any) -> str:
    """The text in the reader's language, with values put in by name."""
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, many: str, num: int, **values: Any) -> str:
    """The text for one or for many, in the reader's language; `num` can be put in, too."""
    return str(flask_babel.ngettext(one, many, num, **values))


def lazy_gettext(text: str) -> Any:
    """A text that is looked up when it is shown: for what is defined before there is a reader."""
    return flask_babel.lazy_gettext(text)
