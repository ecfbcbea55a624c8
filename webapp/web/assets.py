"""Style sheets, scripts, icons and htmx, under digested URLs.

A URL carries the digest of what it names, so browsers may keep the answer for ever and a new release is
seen at once. htmx, the icons and the readers of the API's contract are read from installed packages: no
third-party file is committed.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, request
from lucide.jinja import lucide
from markupsafe import Markup, escape

from webapp.kernel.config import PROJECT_ROOT
from webapp.web.guard import public

STATIC_FOLDER = PROJECT_ROOT / "static"
STYLE_FOLDER = STATIC_FOLDER / "css"
IMMUTABLE = "public, max-age=31536000, immutable"

STYLE_SHEETS = (
    # Every page
    "tokens",
    "base",
    "text",
    "header",
    "navigation",
    "user-menu",
    "banners",
    "page",
    # Parts of many pages
    "cards",
    "alerts",
    "status",
    "empty",
    "buttons",
    "forms",
    "choices",
    "disclosure",
    "filters",
    "tables",
    "lists",
    "pagination",
    # One payment
    "notice",
    "payment",
    "verdict",
    "decision",
    "comparison",
    "facts",
    "timeline",
    "bank-calls",
    # Other pages
    "review-queue",
    "home",
    "bare-page",
    "sign-in",
    "error-page",
)
"""The files of `static/css` in the order in which `app.css` joins them.

Between rules of the same weight the later one wins, so a part stands after what it changes.
"""

bp = Blueprint("assets", __name__)


@dataclass(frozen=True)
class Asset:
    """One file that browsers may fetch, ready to be sent."""

    content: bytes
    content_type: str
    digest: str
    gzipped: bytes

    @classmethod
    def read(cls, source: Path | Traversable, content_type: str) -> Asset:
        """Read one file."""
        return cls.join([source], content_type)

    @classmethod
    def join(cls, sources: Iterable[Path | Traversable], content_type: str) -> Asset:
        """Read files that browsers fetch as one."""
        content = b"\n".join(source.read_bytes() for source in sources)
        digest = hashlib.sha256(content).hexdigest()[:16]
        return cls(content, content_type, digest, gzip.compress(content, mtime=0))


@dataclass(frozen=True)
class LargeAsset:
    """A large file that is rarely asked for: it is read on first use and kept compressed only."""

    source: Path
    content_type: str
    without: bytes = b""
    """An address of a third party that is taken out: nothing is ever loaded from there."""

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return gzip.decompress(self.gzipped)

    @property
    def digest(self) -> str:
        """What its URL carries."""
        return self._packed[0]

    @property
    def gzipped(self) -> bytes:
        """The bytes, compressed."""
        return self._packed[1]

    @cached_property
    def _packed(self) -> tuple[str, bytes]:
        content = self.source.read_bytes()
        if self.without:
            content = content.replace(self.without, b"")
        return hashlib.sha256(content).hexdigest()[:16], gzip.compress(content, mtime=0)


def _in_package(package: str, *path: str) -> Path:
    """Return the path of a file of a package without importing the package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    return Path(spec.submodule_search_locations[0]).joinpath(*path)


def allowed_assets() -> Mapping[str, Asset | LargeAsset]:
    """Return the only files that are served, by the name the URL gives them."""
    htmx = files("js_lib_htmx") / "static" / "htmx" / "htmx.min.js"
    style_sheets = [STYLE_FOLDER / f"{name}.css" for name in STYLE_SHEETS]
    swagger, script = "flask_swagger_ui", "text/javascript; charset=utf-8"
    return {
        "swagger-ui.js": LargeAsset(_in_package(swagger, "dist", "swagger-ui-bundle.js"), script),
        "swagger-ui.css": LargeAsset(
            _in_package(swagger, "dist", "swagger-ui.css"), "text/css; charset=utf-8"
        ),
        "redoc.js": LargeAsset(
            _in_package("fastapi_offline", "static", "redoc.standalone.js"),
            script,
            without=b"https://cdn.redoc.ly/redoc/logo-mini.svg",
        ),
        "api-docs.js": Asset.read(STATIC_FOLDER / "api-docs.js", script),
        "api-docs.css": Asset.read(STATIC_FOLDER / "api-docs.css", "text/css; charset=utf-8"),
        "app.css": Asset.join(style_sheets, "text/css; charset=utf-8"),
        "app.js": Asset.read(STATIC_FOLDER / "app.js", "text/javascript; charset=utf-8"),
        "htmx.js": Asset.read(htmx, "text/javascript; charset=utf-8"),
        "favicon.svg": Asset.read(STATIC_FOLDER / "favicon.svg", "image/svg+xml"),
    }


@bp.get("/assets/<digest>/<name>")
@public
def serve(digest: str, name: str) -> Response:
    """Send an allowed file; an old digest is 404, never the new content under the old name."""
    asset = _assets_of(current_app).get(name)
    if asset is None or asset.digest != digest:
        abort(404)
    response = Response(asset.content, content_type=asset.content_type)
    if request.accept_encodings["gzip"] > 0:
        response.set_data(asset.gzipped)
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = IMMUTABLE
    return response


def asset_url(name: str) -> str:
    """Return the digested URL of an allowed file; KeyError for any other name."""
    digest = _assets_of(current_app)[name].digest
    # Not `url_for`: the page that refuses a foreign host is drawn without a router.
    return f"{request.script_root}/assets/{digest}/{name}"


def icon(name: str, label: str | None = None) -> Markup:
    """Return a Lucide icon as inline SVG.

    Hidden from assistive technology unless `label` says what it means. Raises
    lucide.IconDoesNotExist for an unknown name.
    """
    if label is None:
        return _drawing(name)
    meaning = f'role="img" aria-label="{escape(label)}"'
    return Markup(str(_drawing(name)).replace('aria-hidden="true"', meaning, 1))  # noqa: S704


def init_app(app: Flask) -> None:
    """Read the files once and teach the templates `asset_url` and `icon`."""
    app.extensions["assets"] = allowed_assets()
    app.register_blueprint(bp)
    app.jinja_env.globals.update(asset_url=asset_url, icon=icon)


def _assets_of(app: Flask) -> Mapping[str, Asset | LargeAsset]:
    found: Mapping[str, Asset | LargeAsset] = app.extensions["assets"]
    return found


@lru_cache(maxsize=256)
def _drawing(name: str) -> Markup:
    attributes: dict[str, Any] = {"class": "icon", "aria_hidden": "true", "focusable": "false"}
    return Markup(lucide(name, **attributes))  # noqa: S704 - drawn by the package, from its own files
