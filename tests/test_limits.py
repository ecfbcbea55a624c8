"""Failed sign-ins are counted; successful ones are not; Redis away is no failure."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.logs import watched
from tests.support.outage import closed_port
from tests.support.pages import Browser, Page
from tests.support.people import PASSWORD, Cast
from tests.support.threads import together
from webapp import create_app
from webapp.accounts import passwords
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.throttling import attempts
from webapp.throttling.attempts import limiter

ELSEWHERE = {"REMOTE_ADDR": "198.51.100.77"}
"""An address of its own: how much is left for the usual one is another test's matter."""


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


def test_an_unknown_account_is_limited_like_a_known_one(anyone: Browser):
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


def test_counted_attempts_hold_no_email_and_are_deleted_after_their_window(
    app: Flask, cast: Cast, anyone: Browser
):
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


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were compared with a hash, in order."""
    compared: list[str] = []
    verify = passwords.verify_password

    def noting(password: str, password_hash: str | None) -> bool:
        compared.append(password)
        return verify(password, password_hash)

    monkeypatch.setattr(passwords, "verify_password", noting)
    return compared


def on_a_page(app: Flask, email: str, password: str) -> Callable[[], int]:
    """One sign-in through the page, as soon as it is called; the form was opened before."""
    browser = Browser(app)
    sent = {**browser.get("/login").inputs, "email": email, "password": password}
    return lambda: (
        browser._send("post", "/login", data=sent, environ_overrides=ELSEWHERE).status_code
    )


def by_a_program(app: Flask, email: str, password: str) -> Callable[[], int]:
    """One sign-in through the API, as soon as it is called."""
    return lambda: api(app, "login", {"email": email, "password": password})


def api(app: Flask, action: str, body: dict[str, str]) -> int:
    """The status of one request to /api/v1/auth from elsewhere."""
    answer = app.test_client().post(
        f"/api/v1/auth/{action}", json=body, environ_overrides=ELSEWHERE
    )
    return answer.status_code


def test_of_sixty_wrong_passwords_at_once_ten_are_looked_at(
    app: Flask, cast: Cast, looked_at: list[str]
):
    ways = [on_a_page, by_a_program] * 30
    statuses = together(app, [way(app, cast.cashier.email, "wrong password") for way in ways])
    assert Counter(statuses) == {401: 10, 429: 50}
    assert len(looked_at) == 10
    assert by_a_program(app, cast.cashier.email, PASSWORD)() == 429


def test_of_sixty_accounts_tried_at_once_from_one_address_fifty_are_looked_at(
    app: Flask, looked_at: list[str]
):
    emails = [f"user{number}@clinic.test" for number in range(60)]
    statuses = together(app, [by_a_program(app, email, "wrong password") for email in emails])
    assert Counter(statuses) == {401: 50, 429: 10}
    assert len(looked_at) == 50


def test_right_passwords_at_once_leave_every_attempt_where_it_was(app: Flask, cast: Cast):
    wrong = by_a_program(app, cast.cashier.email, "wrong password")
    assert [wrong() for _ in range(3)] == [401] * 3
    ways = [on_a_page, by_a_program, by_a_program] * 2
    statuses = together(app, [way(app, cast.cashier.email, PASSWORD) for way in ways])
    assert Counter(statuses) == {303: 2, 200: 4}
    assert [wrong() for _ in range(8)] == [401] * 7 + [429]


def test_what_is_refused_unread_costs_neither_the_account_nor_the_address_anything(
    app: Flask, cast: Cast
):
    for person, tries in ((cast.cashier, 60), (cast.supervisor, 11)):
        wrong = by_a_program(app, person.email, "wrong password")
        assert [wrong() for _ in range(tries)] == [401] * 10 + [429] * (tries - 10)
    unreadable = [api(app, "login", {}) for _ in range(2)]
    assert unreadable == [422, 422]
    assert by_a_program(app, cast.admin.email, PASSWORD)() == 200


def test_registrations_at_once_from_one_address_stop_at_their_limit(app: Flask):
    taken = {"email": "new@clinic.test", "password": "long enough 2026", "full_name": "New User"}
    assert api(app, "register", taken) == 201
    assert api(app, "register", {**taken, "email": "not an address"}) == 422

    def register() -> list[int]:
        return [api(app, "register", taken) for _ in range(10)]

    answers = Counter(status for some in together(app, [register] * 11) for status in some)
    assert answers == {409: 99, 429: 11}


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
    for _ in range(15):
        assert attempt(Browser(other), cast.cashier.email, PASSWORD).status == 303
    tries = [by_a_program(other, cast.cashier.email, "wrong password") for _ in range(60)]
    assert Counter(together(other, tries)) == {401: 10, 429: 50}
    assert db.session.scalar(text("SELECT count(*) FROM rate_limits")) == 0
    limiter.reset()
    with other.app_context():
        db.engine.dispose()
