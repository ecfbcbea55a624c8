"""Spanish first, English where the browser asks for it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from babel.messages.pofile import read_po
from flask import Flask

from tests.support.pages import Browser
from webapp.kernel.config import PROJECT_ROOT

CATALOGUE = PROJECT_ROOT / "translations/en/LC_MESSAGES/messages.mo"
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]")


@pytest.mark.parametrize("wanted", ["", "es", "es-VE", "de", "xx;q=0", "en;q=0.5, es", "ñ,,;;q="])
def test_spanish_is_used_unless_english_is_preferred(anyone: Browser, wanted: str):
    header = wanted.encode().decode("latin-1")
    page = anyone.get("/login", headers={"Accept-Language": header} if wanted else {})
    assert '<html lang="es">' in page.source
    assert "Contraseña" in page.text


@pytest.mark.skipif(not CATALOGUE.exists(), reason="the English catalogue is not compiled")
@pytest.mark.parametrize("wanted", ["en", "en-US,en;q=0.9,es;q=0.8"])
def test_english_is_used_where_the_browser_prefers_it(anyone: Browser, wanted: str):
    page = anyone.get("/login", headers={"Accept-Language": wanted})
    assert '<html lang="en">' in page.source
    assert "Password" in page.text
    assert "Contraseña" not in page.text
    missing = anyone.get("/no-existe", headers={"Accept-Language": wanted})
    assert "no existe" not in missing.text


def test_answers_say_that_they_depend_on_the_language(app: Flask, anyone: Browser):
    assert anyone.get("/login").response.headers["Cache-Control"] == "no-store"


def test_the_english_catalogue_is_complete():
    with CATALOGUE.with_suffix(".po").open("rb") as file:
        catalogue = read_po(file, locale="en")
    # Babel compiles nothing of a catalogue that it takes for fuzzy, as one without a header.
    assert not catalogue.fuzzy
    assert catalogue.num_plurals == 2
    assert not catalogue.obsolete
    messages = [message for message in catalogue if message.id]
    assert messages
    for message in messages:
        assert not message.fuzzy, message.id
        sources, texts = _forms(message.id), _forms(message.string)
        assert len(texts) == len(sources), message.id
        for source, text in zip(sources, texts, strict=True):
            assert text.strip(), source
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(source)), source
            # A page puts some texts directly before others.
            assert text.endswith(" ") == source.endswith(" "), source


def _forms(text: str | Sequence[str] | None) -> list[str]:
    return [text or ""] if text is None or isinstance(text, str) else list(text)
