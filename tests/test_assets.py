"""Style sheet, script, icons and htmx: digested, immutable, and nothing else."""

from __future__ import annotations

import gzip
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lucide import IconDoesNotExist

from webapp.banking.gateway import Outcome
from webapp.kernel.config import PROJECT_ROOT
from webapp.transactions.lifecycle import Status
from webapp.web import assets
from webapp.web.guard import access_of

TEMPLATES = PROJECT_ROOT / "templates"
COMPOSED_CLASSES = {
    "status-": {status.value.lower() for status in Status},
    "outcome-": {outcome.value for outcome in Outcome},
    "is-": {"same", "differs", "empty", "declared-only", "bank-only"},
    "alert-": {"success", "info", "warning", "error"},
}
"""What templates put together from a fixed beginning and a value: the values that there are."""
CLASSES_WITHOUT_TEMPLATE = {
    "changed",  # app.js, on what a refresh changed
    "icon",  # the assets' `icon`, on each drawing
}
LARGE = ("swagger-ui.js", "swagger-ui.css", "redoc.js")
NAMES = ("app.css", "app.js", "htmx.js", "favicon.svg", "api-docs.js", "api-docs.css", *LARGE)


@pytest.fixture(scope="module")
def small_app() -> Flask:
    """An application that has nothing but the assets."""
    app = Flask(__name__, static_folder=None)
    assets.init_app(app)
    return app


@pytest.fixture
def client(small_app: Flask) -> FlaskClient:
    return small_app.test_client()


def url_of(app: Flask, name: str) -> str:
    with app.test_request_context():
        return assets.asset_url(name)


@pytest.mark.parametrize(
    ("name", "content_type", "words"),
    [
        ("app.css", "text/css; charset=utf-8", b"--accent"),
        ("app.js", "text/javascript; charset=utf-8", b'"use strict"'),
        ("htmx.js", "text/javascript; charset=utf-8", b"htmx"),
        ("favicon.svg", "image/svg+xml", b"<svg"),
        ("api-docs.js", "text/javascript; charset=utf-8", b"DOMContentLoaded"),
        ("api-docs.css", "text/css; charset=utf-8", b".docs-header"),
        ("swagger-ui.js", "text/javascript; charset=utf-8", b"SwaggerUIBundle"),
        ("swagger-ui.css", "text/css; charset=utf-8", b".swagger-ui"),
        ("redoc.js", "text/javascript; charset=utf-8", b"Redoc"),
    ],
)
def test_an_asset_is_served_for_ever_under_its_digest(
    small_app: Flask, client: FlaskClient, name: str, content_type: str, words: bytes
) -> None:
    url = url_of(small_app, name)
    assert re.fullmatch(rf"/assets/[0-9a-f]{{16}}/{re.escape(name)}", url)
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert words in answer.data


def test_a_slow_line_gets_the_compressed_bytes(small_app: Flask, client: FlaskClient) -> None:
    url = url_of(small_app, "htmx.js")
    plain = client.get(url)
    packed = client.get(url, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    assert plain.vary.as_set() == packed.vary.as_set() == {"accept-encoding"}


@pytest.mark.parametrize("name", NAMES)
def test_another_digest_is_not_found(client: FlaskClient, name: str) -> None:
    assert client.get(f"/assets/{'0' * 16}/{name}").status_code == 404


@pytest.mark.parametrize("name", ["app.py", "..%2fwsgi.py", "../wsgi.py", "htmx.min.js", ".env"])
def test_only_the_allowed_files_are_served(
    small_app: Flask, client: FlaskClient, name: str
) -> None:
    digest = url_of(small_app, "app.css").split("/")[2]
    assert client.get(f"/assets/{digest}/{name}").status_code == 404
    with small_app.test_request_context(), pytest.raises(KeyError):
        assets.asset_url(name)


def test_the_route_is_public() -> None:
    access = access_of(assets.serve)
    assert access is not None and access.public


def test_an_icon_is_silent_unless_it_is_named() -> None:
    silent = assets.icon("check")
    assert silent.startswith("<svg") and 'class="icon"' in silent
    assert 'aria-hidden="true"' in silent and "role=" not in silent
    named = assets.icon("check", label='Verificado "sí" & <b>')
    assert 'role="img"' in named and "aria-hidden" not in named
    assert 'aria-label="Verificado &#34;sí&#34; &amp; &lt;b&gt;"' in named


def test_an_unknown_icon_is_a_mistake_that_shows() -> None:
    with pytest.raises(IconDoesNotExist):
        assets.icon("no-such-icon")


def test_nothing_of_ours_needs_an_inline_style_script_or_eval() -> None:
    for name in ("app", "api-docs"):
        script = (assets.STATIC_FOLDER / f"{name}.js").read_text()
        for forbidden in ("eval(", "new Function", "innerHTML", 'setAttribute("style"', ".style."):
            assert forbidden not in script
        assert b"url(" not in assets.allowed_assets()[f"{name}.css"].content


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_costs_nothing_until_somebody_asks_for_it(name: str) -> None:
    app = Flask(__name__, static_folder=None)
    assets.init_app(app)
    large = app.extensions["assets"][name]
    assert "_packed" not in vars(large)
    url = url_of(app, name)
    assert app.test_client().get(url, headers={"Accept-Encoding": "gzip"}).status_code == 200
    # What stays in memory is only the compressed file.
    assert len(large.gzipped) < 600_000


def test_nothing_is_loaded_from_a_third_party(client: FlaskClient, small_app: Flask) -> None:
    assert b"cdn.redoc.ly" not in client.get(url_of(small_app, "redoc.js")).data


def test_a_package_that_is_missing_stops_the_start() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        assets._in_package("no_such_package", "file.js")


def test_every_style_file_is_declared_once() -> None:
    declared = [f"{name}.css" for name in assets.STYLE_SHEETS]
    assert sorted(declared) == sorted(path.name for path in assets.STYLE_FOLDER.iterdir())


def test_the_browser_gets_the_style_files_joined_in_the_declared_order(
    small_app: Flask, client: FlaskClient
) -> None:
    served = client.get(url_of(small_app, "app.css")).text
    parts = [(assets.STYLE_FOLDER / f"{name}.css").read_text() for name in assets.STYLE_SHEETS]
    assert served == "\n".join(parts)


def test_no_rule_is_for_a_class_that_nothing_has() -> None:
    assert set(re.findall(r"\.([a-z][\w-]*)", selectors(style_sheet()))) - classes_in_use() == set()


def test_templates_compose_only_classes_whose_values_are_known() -> None:
    assert {prefix for _, prefixes in class_attributes() for prefix in prefixes} == set(
        COMPOSED_CLASSES
    )


def test_every_design_token_is_defined_and_used() -> None:
    sheet = style_sheet()
    defined = set(re.findall(r"(--[\w-]+):", sheet))
    assert defined == set(re.findall(r"var\((--[\w-]+)\)", sheet))


def style_sheet() -> str:
    """Return the joined sheet without its comments."""
    return re.sub(r"/\*.*?\*/", "", assets.allowed_assets()["app.css"].content.decode(), flags=re.S)


def selectors(sheet: str) -> str:
    """Return what stands before each brace, one a line; conditions such as `@media` left out."""
    return "\n".join(head for head in re.findall(r"([^{};]+)\{", sheet) if "@" not in head)


def class_attributes() -> list[tuple[set[str], set[str]]]:
    """Return the classes of each `class` in the templates, and the beginnings of composed ones."""
    found = []
    for path in TEMPLATES.rglob("*.html"):
        for value in re.findall(r'class="([^"]*)"', path.read_text()):
            prefixes = set(re.findall(r"([\w-]+-)\{\{", value))
            whole = re.sub(r"[\w-]+-\{\{.*?\}\}", "", value)
            quoted = " ".join(re.findall(r"'([^']*)'", whole))
            found.append(({*re.sub(r"\{\{.*?\}\}", " ", whole).split(), *quoted.split()}, prefixes))
    return found


def classes_in_use() -> set[str]:
    """Return each class that an element of some page can have."""
    written = {name for names, _ in class_attributes() for name in names}
    composed = {begin + end for begin, ends in COMPOSED_CLASSES.items() for end in ends}
    return written | composed | CLASSES_WITHOUT_TEMPLATE
