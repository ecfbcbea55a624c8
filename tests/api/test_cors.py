"""Cross-origin requests: which other sites' pages may call the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from webapp import create_app
from webapp.kernel.config import Settings
from webapp.kernel.database import db

OURS = "https://his.clinica.com"
Maker = Callable[..., Flask]


@pytest.fixture
def app_for(app: Flask, database_url: str, tmp_path: Path) -> Iterator[Maker]:
    """Return a function that makes applications with other settings on the same database."""
    made: list[Flask] = []

    def make(**settings: str) -> Flask:
        fixed = {
            "DATABASE_URL": database_url,
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": "a-secret-of-the-tests-only",
        }
        made.append(create_app(Settings.from_environment({**fixed, **settings})))
        return made[-1]

    yield make
    for other in made:
        with other.app_context():
            db.engine.dispose()


def call(app: Flask, method: str, path: str, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().open(path, method=method, headers=sent)


def preflight(app: Flask, path: str, method: str, origin: str = OURS, headers: str = "") -> Any:
    asked = {"Access_Control_Request_Headers": headers} if headers else {}
    return call(app, "OPTIONS", path, Origin=origin, Access_Control_Request_Method=method, **asked)


def cors_of(answer: Any) -> set[str]:
    return {name for name in dict(answer.headers) if name.startswith("Access-Control-")}


def test_no_other_site_may_call_unless_the_settings_say_so(app: Flask):
    assert cors_of(preflight(app, "/api/v1/transactions", "GET")) == set()
    assert cors_of(call(app, "GET", "/api/v1/transactions", Origin=OURS)) == set()


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/transactions", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/transactions/batch", {"OPTIONS", "POST"}),
        ("/transactions/export/", {"GET", "HEAD", "OPTIONS"}),
        ("/transactions/HIS-1", {"GET", "HEAD", "OPTIONS", "PATCH", "DELETE"}),
    ],
)
def test_allow_lists_the_methods_of_this_path_alone(app: Flask, path: str, methods: set[str]):
    answer = call(app, "OPTIONS", f"/api/v1{path}")
    assert answer.status_code == 204
    assert set(answer.headers["Allow"].split(", ")) == methods


def test_the_preflight_of_an_allowed_site_is_allowed(app_for: Maker):
    app = app_for(ALLOWED_ORIGINS=f"{OURS},http://localhost:3000")
    asked = "authorization, content-type, idempotency-key, if-match, x-evil"
    answer = preflight(app, "/api/v1/transactions/X-1", "PATCH", headers=asked)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    methods = set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert methods == {"GET", "PATCH", "DELETE"}
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert allowed == ["authorization", "content-type", "idempotency-key", "if-match"]
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert {"origin", "access-control-request-method", "access-control-request-headers"} <= {
        name.strip().lower() for name in answer.headers["Vary"].split(",")
    }


@pytest.mark.parametrize(
    ("origin", "method"),
    [
        ("https://evil.test", "GET"),
        ("https://his.clinica.com.evil.test", "GET"),
        ("http://his.clinica.com", "GET"),
        ("null", "GET"),
        (OURS, "DELETE"),
        (OURS, "get"),
        (OURS, "NONSENSE"),
    ],
)
def test_a_preflight_for_what_is_not_allowed_gets_no_headers(
    app_for: Maker, origin: str, method: str
):
    app = app_for(ALLOWED_ORIGINS=OURS)
    answer = preflight(app, "/api/v1/transactions", method, origin)
    assert answer.status_code == 204
    assert cors_of(answer) == set()


@pytest.mark.parametrize(
    ("path", "status"), [("/api/v1/transactions", 401), ("/api/v1/nowhere", 404)]
)
def test_a_page_can_read_refusals_too(app_for: Maker, path: str, status: int):
    app = app_for(ALLOWED_ORIGINS=OURS)
    answer = call(app, "GET", path, Origin=OURS)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Link", "RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)
    assert {"X-Request-ID", "Idempotent-Replayed"} <= set(exposed)
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_responses_vary_by_origin(app_for: Maker):
    app = app_for(ALLOWED_ORIGINS=OURS)
    for headers in ({}, {"Origin": OURS}, {"Origin": "https://evil.test"}):
        answer = call(app, "GET", "/api/v1/transactions", **headers)
        assert "origin" in answer.headers["Vary"].lower()


def test_a_star_allows_every_origin_without_credentials(app_for: Maker):
    app = app_for(ALLOWED_ORIGINS="*")
    for answer in (
        call(app, "GET", "/api/v1/transactions", Origin="https://anybody.test"),
        preflight(app, "/api/v1/transactions", "POST", "https://anybody.test"),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_methods_and_headers_can_be_narrowed(app_for: Maker):
    app = app_for(
        ALLOWED_ORIGINS=OURS, ALLOWED_METHODS="GET", ALLOWED_HEADERS="Authorization,X-Extra"
    )
    assert cors_of(preflight(app, "/api/v1/transactions", "POST")) == set()
    answer = preflight(app, "/api/v1/transactions", "GET", headers="x-extra, if-match")
    assert answer.headers["Access-Control-Allow-Headers"] == "x-extra"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET"


@pytest.mark.parametrize("path", ["/", "/login", "/transactions", "/health", "/metrics"])
def test_pages_never_get_cors_headers(app_for: Maker, path: str):
    app = app_for(ALLOWED_ORIGINS="*")
    assert cors_of(call(app, "GET", path, Origin=OURS)) == set()
    assert cors_of(preflight(app, path, "GET")) == set()
