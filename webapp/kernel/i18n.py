"""The texts that people read, in the reader's language.

The source texts are Spanish. Who reads, and in which language, only the web knows: `webapp.web.language`
brings the translator of a request; without one, texts stay as they are.
"""

from __future__ import annotations

from typing import Any, Protocol

from babel.support import LazyProxy


class Translator(Protocol):
    """What looks a text up in the reader's language and puts `values` into it by name."""

    def gettext(self, text: str, /, **values: Any) -> str:
        """Return the text, translated."""

    def ngettext(self, one: str, many: str, num: int, /, **values: Any) -> str:
        """Return the text for one or for many, translated."""


class SourceTexts:
    """A translator that leaves the Spanish of the source, where the reader's language is unknown."""

    def gettext(self, text: str, /, **values: Any) -> str:
        """Return the text as it is, with its values."""
        return text % values if values else text

    def ngettext(self, one: str, many: str, num: int, /, **values: Any) -> str:
        """Return the text for one or for many, with its values."""
        return (one if num == 1 else many) % {"num": num, **values}


_translators: list[Translator] = [SourceTexts()]


def use(translator: Translator) -> None:
    """Translate with `translator` from now on."""
    _translators[:] = [translator]


def gettext(text: str, **values: Any) -> str:
    """Return the text in the reader's language, with values put in by name."""
    return str(_translators[0].gettext(text, **values))


def ngettext(one: str, many: str, num: int, **values: Any) -> str:
    """Return the text for one or for many, in the reader's language; `num` can be put in, too."""
    return str(_translators[0].ngettext(one, many, num, **values))


def lazy_gettext(text: str) -> Any:
    """Return a text that is looked up when it is shown, for what is defined before there is a reader."""
    return LazyProxy(gettext, text, enable_cache=False)
