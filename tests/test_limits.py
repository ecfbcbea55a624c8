"""Failed sign-ins are counted; successful ones are not; Redis away is no failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.logs import watched
from tests.support.outage import closed_port
from tests.support.pages import Browser, Page
from tests.support.people import PASSWORD, Cast
from webapp import create_app
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.throttling import attempts
from webapp.throttling.attempts import limiter


def attempt(browser: Browser, email: str, password: str = "wrong password") -> Page:
    return browser.post("/login", {"email": email, "password": password}, form="/login")


def test_after_ten_failures_the_account_waits_and_others_do_not(
    app: Flask, cast: Cast, anyone: Browser
):
    for _ in range(10):
        assert attempt(anyone, cast.cashier.email).status == 401
    page = attempt(anyone, cast.cashier.email, PASSWORD)
    assert page.status == 429
    assert "Demasiados intentos" in page.text
    assert 0 < int(page.response.headers["Retry-After"]) <= 900
    assert attempt(anyone, f" {cast.cashier.email.upper()} ", PASSWORD).status == 429
    assert attempt(Browser(app), cast.supervisor.email, PASSWORD).status == 303


def test_an_unknown_account_is_limited_alike(anyone: Browser):
    answers = [attempt(anyone, "nobody@clinic.test").status for _ in range(11)]
    assert answers == [401] * 10 + [429]


def test_a_shift_that_signs_in_at_once_is_not_turned_away(app: Flask, cast: Cast):
    for _ in range(15):
        assert attempt(Browser(app), cast.cashier.email, PASSWORD).status == 303


def test_the_api_is_limited_too_and_says_so_as_a_problem(app: Flask, cast: Cast, anyone: Browser):
    sent = {"email": cast.cashier.email, "password": "wrong password"}
    for _ in range(10):
        assert anyone._send("post", "/api/v1/auth/login", json=sent).status_code == 401
    refused = anyone._send("post", "/api/v1/auth/login", json=sent)
    assert refused.status_code == 429
    assert refused.content_type == "application/problem+json"
    assert refused.get_json()["code"] == "too_many_requests"
    assert int(refused.headers["Retry-After"]) > 0


def test_pages_and_programs_count_together(cast: Cast, anyone: Browser):
    for _ in range(5):
        assert attempt(anyone, cast.cashier.email).status == 401
    sent = {"email": cast.cashier.email, "password": "wrong password"}
    answers = [anyone._send("post", "/api/v1/auth/login", json=sent).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]
    assert attempt(anyone, cast.cashier.email, PASSWORD).status == 429
    assert anyone.get("/login").status == 200


def test_one_address_cannot_try_many_accounts(anyone: Browser):
    answers = [attempt(anyone, f"user{number}@clinic.test").status for number in range(51)]
    assert answers == [401] * 50 + [429]


def test_what_is_counted_names_nobody_and_is_forgotten(app: Flask, cast: Cast, anyone: Browser):
    attempt(anyone, cast.cashier.email)
    rows = db.session.execute(text("SELECT * FROM rate_limits")).all()
    assert rows
    assert "cashier" not in str(rows)
    db.session.execute(text("UPDATE rate_limits SET expires_at = now() - interval '1 second'"))
    db.session.commit()
    attempts.forget_expired()
    assert db.session.scalar(text("SELECT count(*) FROM rate_limits")) == 0


@pytest.fixture
def kept_limiter() -> Iterator[None]:
    """The limiter is one for all applications of a process: give it back as it was."""
    before = dict(vars(limiter))
    yield
    vars(limiter).clear()
    vars(limiter).update(before)


def app_with_redis(database_url: str, folder: Path, redis_url: str) -> Flask:
    return create_app(
        Settings.from_environment(
            {
                "DATABASE_URL": database_url,
                "DATA_DIR": str(folder),
                "SECRET_KEY": "a-secret-of-the-tests-only",
                "REDIS_URL": redis_url,
            }
        )
    )


def test_with_redis_away_people_still_sign_in_and_are_still_limited(
    app: Flask, cast: Cast, kept_limiter: None, database_url: str, tmp_path: Path
):
    other = app_with_redis(database_url, tmp_path, f"redis://127.0.0.1:{closed_port()}/0")
    browser = Browser(other)
    with watched() as lines:
        answers = [attempt(browser, "nobody@clinic.test").status for _ in range(11)]
        assert answers == [401] * 10 + [429]
        assert attempt(browser, cast.cashier.email, PASSWORD).status == 303
        assert browser.get("/transactions").status == 200
    assert not lines.entries("unhandled_error")
    with other.app_context():
        db.engine.dispose()


@pytest.mark.redis
@pytest.mark.skipif(
    not os.environ.get("TEST_REDIS_URL"), reason="TEST_REDIS_URL names no Redis server"
)
def test_redis_counts_where_it_is_given(
    app: Flask, cast: Cast, kept_limiter: None, database_url: str, tmp_path: Path
):
    other = app_with_redis(database_url, tmp_path, os.environ["TEST_REDIS_URL"])
    limiter.reset()
    browser = Browser(other)
    answers = [attempt(browser, "nobody@clinic.test").status for _ in range(11)]
    assert answers == [401] * 10 + [429]
    assert db.session.scalar(text("SELECT count(*) FROM rate_limits")) == 0
    limiter.reset()
    with other.app_context():
        db.engine.dispose()
