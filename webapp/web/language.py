"""The language of a request: Spanish first, English where the browser asks for it.

Spanish is the language of the source texts, so it is complete by construction; `translations/en` holds English.
"""

from __future__ import annotations

import flask_babel
from flask import Flask, has_request_context, request

from webapp.kernel import i18n
from webapp.kernel.config import PROJECT_ROOT
from webapp.web.extensions import babel

LANGUAGES = ("es", "en")


def select_language() -> str:
    """Return the best of our languages for the browser that asks; Spanish outside a request."""
    if not has_request_context():
        return "es"
    return request.accept_languages.best_match(LANGUAGES, default="es")


def init_app(app: Flask) -> None:
    """Bind Babel to our catalogues and to the choice of language."""
    app.config["BABEL_DEFAULT_LOCALE"] = "es"
    app.config["BABEL_DEFAULT_TIMEZONE"] = "America/Caracas"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(PROJECT_ROOT / "translations")
    babel.init_app(app, locale_selector=select_language)
    i18n.use(flask_babel)
