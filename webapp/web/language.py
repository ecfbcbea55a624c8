"""The language of a request: Spanish first, English where the browser asks for it.

Spanish is the language of the source texts, so it is complete by construction; `translations/en` holds English.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from babel.support import NullTranslations, Translations
from flask import Flask, g, has_app_context, has_request_context, request

from webapp.kernel import i18n
from webapp.kernel.config import PROJECT_ROOT
from webapp.web.extensions import babel

LANGUAGES = ("es", "en")
TRANSLATIONS = PROJECT_ROOT / "translations"


def select_language() -> str:
    """Return the best of our languages for the browser that asks; Spanish outside a request."""
    if not has_request_context():
        return "es"
    return request.accept_languages.best_match(LANGUAGES, default="es")


class RequestTexts:
    """Translates into the language of the request, which is chosen once."""

    def gettext(self, text: str, /, **values: Any) -> str:
        """Return the text, translated."""
        found = str(_catalogue().ugettext(text))
        return found % values if values else found

    def ngettext(self, one: str, many: str, num: int, /, **values: Any) -> str:
        """Return the text for one or for many, translated."""
        return str(_catalogue().ungettext(one, many, num)) % {"num": num, **values}


def _catalogue() -> NullTranslations:
    if not has_app_context():
        return _catalogue_of("es")
    try:
        found: NullTranslations = g.catalogue
    except AttributeError:
        found = g.catalogue = _catalogue_of(select_language())
    return found


@lru_cache
def _catalogue_of(language: str) -> NullTranslations:
    return Translations.load(str(TRANSLATIONS), [language])


@contextmanager
def speaking(app: Flask, language: str) -> Iterator[None]:
    """Open a context of the application in which texts are in this language, of whatever request."""
    with app.app_context():
        g.catalogue = _catalogue_of(language)
        yield


def init_app(app: Flask) -> None:
    """Bind Babel to our catalogues and to the choice of language."""
    app.config["BABEL_DEFAULT_LOCALE"] = "es"
    app.config["BABEL_DEFAULT_TIMEZONE"] = "America/Caracas"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TRANSLATIONS)
    babel.init_app(app, locale_selector=select_language)
    i18n.use(RequestTexts())
