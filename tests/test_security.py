"""What every answer carries, whatever it answers; hosts, bodies and caches."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask, render_template_string

from tests.support import payments
from tests.support.pages import Browser, Page
from tests.support.people import Cast
from webapp import create_app
from webapp.kernel.config import Settings
from webapp.web.guard import public

ERD_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "1; mode=block",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}


def settings_with(database_url: str, folder: Path, **more: str) -> Settings:
    return Settings.from_environment(
        {
            "DATABASE_URL": database_url,
            "DATA_DIR": str(folder),
            "SECRET_KEY": "a-secret-of-the-tests-only",
            **more,
        }
    )


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("get", "/login", 200),
        ("get", "/", 303),
        ("get", "/no-existe", 404),
        ("get", "/logout", 405),
        ("post", "/login", 400),
        ("get", "/health", 200),
        ("get", "/health/ready", 200),
        ("get", "/metrics", 200),
        ("get", "/assets/0/app.css", 404),
        ("get", "/api/v1/transactions", 401),
        ("get", "/api/v1/none", 404),
        ("post", "/api/v1/auth/login", 415),
        ("options", "/login", 200),
        ("head", "/login", 200),
    ],
)
def test_every_answer_protects_the_browser(anyone: Browser, method: str, url: str, status: int):
    response = anyone._send(method, url)
    assert response.status_code == status
    for name, value in ERD_HEADERS.items():
        assert response.headers[name] == value
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy
    assert "frame-ancestors 'none'" in policy
    if "/assets/" not in url:
        assert response.headers["Cache-Control"] == "no-store"


def test_a_fault_protects_the_browser_too(
    app: Flask, anyone: Browser, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(app.view_functions, "reports.home", public(lambda: 1 / 0))
    response = anyone._send("get", "/")
    assert response.status_code == 500
    for name, value in ERD_HEADERS.items():
        assert response.headers[name] == value
    assert "Content-Security-Policy" in response.headers
    assert response.headers["Cache-Control"] == "no-store"


def test_signed_in_pages_and_fragments_are_never_cached(app: Flask, cast: Cast, cashier: Browser):
    payment = payments.logged(cast.cashier)
    for url in ("/", "/transactions", f"/transactions/{payment.transaction_id}"):
        for htmx in (False, True):
            response = cashier.get(url, htmx=htmx).response
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Frame-Options"] == "DENY"


def test_a_page_and_its_fragment_are_told_apart_by_caches(cashier: Browser):
    for htmx in (False, True):
        assert "HX-Request" in cashier.get("/transactions", htmx=htmx).response.headers["Vary"]


def test_style_and_scripts_are_ours_digested_and_kept_for_long(anyone: Browser):
    page = anyone.get("/login")
    files = [
        given.get("src") or given["href"] for tag, given in page.tags if tag in ("script", "link")
    ]
    assert files
    for url in files:
        assert url.startswith("/assets/")
        response = anyone._send("get", url)
        assert response.status_code == 200
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("url", ["/login", "/api/v1/auth/login"])
def test_a_body_over_one_mebibyte_is_refused(anyone: Browser, url: str):
    content = b'{"email": "' + b"a" * (1024 * 1024) + b'"}'
    kind = "application/json" if url.startswith("/api") else "application/x-www-form-urlencoded"
    response = anyone._send("post", url, data=content, content_type=kind)
    assert response.status_code == 413
    assert "demasiado grande" in (
        response.get_json()["detail"] if url.startswith("/api") else Page(response).text
    )


def test_only_the_named_hosts_are_answered(app: Flask, database_url: str, tmp_path: Path):
    other = create_app(settings_with(database_url, tmp_path, ALLOWED_HOSTS="pagos.clinic.test"))
    browser = Browser(other)
    good = browser._send("get", "/login", base_url="http://pagos.clinic.test")
    assert good.status_code == 200
    for url in ("/login", "/no-existe", "/api/v1/transactions"):
        bad = browser._send("get", url, base_url="http://evil.example")
        assert bad.status_code == 400
        assert "evil" not in bad.get_data(as_text=True)
        assert bad.headers["X-Frame-Options"] == "DENY"


def test_forwarded_addresses_are_believed_only_where_a_proxy_is_named(
    app: Flask, database_url: str, tmp_path: Path
):
    for hops, seen in (("0", "127.0.0.1"), ("1", "203.0.113.9")):
        other = create_app(settings_with(database_url, tmp_path, TRUSTED_PROXY_HOPS=hops))
        other.add_url_rule(
            "/who",
            endpoint="who",
            view_func=public(lambda: render_template_string("{{ request.remote_addr }}")),
        )
        response = Browser(other)._send(
            "get", "/who", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
        )
        assert response.get_data(as_text=True) == seen


def test_markup_that_somebody_typed_is_shown_and_never_run(
    app: Flask, cast: Cast, cashier: Browser
):
    payment = payments.logged(cast.cashier, concept="<script>alert(1)</script><b>x")
    page = cashier.get(f"/transactions/{payment.transaction_id}")
    assert "<script>alert(1)" not in page.source
    assert "<script>alert(1)</script><b>x" in page.text
