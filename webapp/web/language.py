"""The language of a request: Spanish first, English where the browser asks for it.

Spanish is the language of the source texts, so it is complete by construction; `translations/en` holds English. A page
looks up hundreds of texts, so the language is chosen once for a request and each catalogue is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from babel.support import NullTranslations, Translations
from flask import Flask, g, has_app_context, has_request_context, request

from webapp.kernel import i18n
from webapp.kernel.config import PROJECT_ROOT
from webapp.web.extensions import babel

LANGUAGES = ("es", "en")
CATALOGUES = PROJECT_ROOT / "translations"


def select_language() -> str:
    """Return the best of our languages for the browser that asks; Spanish outside a request."""
    if not has_request_context():
        return "es"
    return request.accept_languages.best_match(LANGUAGES, default="es")


def current_language() -> str:
    """Return the language in which texts are shown now."""
    if not has_app_context():
        return "es"
    chosen: str | None = g.get("language")
    if chosen is None:
        chosen = g.language = select_language()
    return chosen


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Show texts in this language, whatever the browser asks for."""
    before = current_language()
    g.language = language
    try:
        yield
    finally:
        g.language = before


@cache
def _catalogue(language: str) -> NullTranslations:
    return Translations.load(str(CATALOGUES), [language])


class Catalogues:
    """The translator of the pages: texts in the language of the request."""

    def gettext(self, text: str, /, **values: Any) -> str:
        """Return the text, translated."""
        found = _catalogue(current_language()).gettext(text)
        return found % values if values else found

    def ngettext(self, one: str, many: str, num: int, /, **values: Any) -> str:
        """Return the text for one or for many, translated."""
        found = _catalogue(current_language()).ngettext(one, many, num)
        return found % {"num": num, **values}


def init_app(app: Flask) -> None:
    """Translate pages and services from our catalogues; Babel knows the language for the forms' own messages."""
    app.config["BABEL_DEFAULT_LOCALE"] = "es"
    app.config["BABEL_DEFAULT_TIMEZONE"] = "America/Caracas"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(CATALOGUES)
    babel.init_app(app, locale_selector=current_language)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of its extension
        lambda text: _catalogue(current_language()).gettext(text),
        lambda one, many, num: _catalogue(current_language()).ngettext(one, many, num),
        newstyle=True,
    )
    i18n.use(Catalogues())
