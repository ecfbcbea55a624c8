"""What people and programs are told when something is wrong; an outage ends by itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.support import payments
from tests.support.databases import DatabaseMaker
from tests.support.logs import watched
from tests.support.outage import Relay, closed_port
from tests.support.pages import Browser, Page
from tests.support.people import Cast
from webapp import create_app
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.web.guard import public

SECRET = "Rosa Villegas 0414-1234567"


def other_app(database_url: str, folder: Path) -> Flask:
    """A second application, on a database address of its own."""
    return create_app(
        Settings.from_environment(
            {
                "DATABASE_URL": database_url,
                "DATA_DIR": str(folder),
                "SECRET_KEY": "a-secret-of-the-tests-only",
            }
        )
    )


@pytest.fixture
def broken(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home page fails with a message that quotes a person."""

    @public
    def fail() -> str:
        raise RuntimeError(SECRET) from ValueError(SECRET)

    monkeypatch.setitem(app.view_functions, "reports.home", fail)
    monkeypatch.setitem(app.view_functions, "api.me", fail)


def problem_of(response: TestResponse) -> dict[str, object]:
    assert response.content_type == "application/problem+json"
    found: dict[str, object] = response.get_json()
    assert found["status"] == response.status_code
    assert found["code"]
    assert found["request_id"] == response.headers["X-Request-ID"]
    return found


def test_an_unknown_page_says_so_in_spanish(anyone: Browser):
    page = anyone.get("/no-existe").insist()
    assert page.status == 404
    assert "Esta página no existe o ya no está aquí." in page.text
    assert "/transactions" in page.links
    assert 'lang="es"' in page.source


@pytest.mark.parametrize(
    "key",
    [
        "unknown",
        "0b8f1d4e-6f0a-4c6e-9d5e-2f4f3c1a7b60",
        "x" * 300,
        "%00",
        "a%00b",
        "..%2f..%2fetc",
        "١٢٣",
        "%ff",
    ],
)
def test_an_unknown_payment_is_not_found(cashier: Browser, key: str):
    page = cashier.get(f"/transactions/{key}")
    assert page.status == 404
    assert "No encontr" in page.text


def test_a_deleted_payment_is_not_found(app: Flask, cast: Cast, supervisor: Browser):
    payment = payments.logged(cast.cashier)
    supervisor.post(
        f"/transactions/{payment.transaction_id}/delete",
        {"reason": "Registrado dos veces", "version": 1},
    )
    assert supervisor.get(f"/transactions/{payment.transaction_id}").status == 404


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("post", "/"),
        ("put", "/transactions"),
        ("delete", "/transactions/new"),
        ("get", "/logout"),
        ("patch", "/login"),
    ],
)
def test_a_wrong_method_is_told_which_ones_there_are(anyone: Browser, method: str, url: str):
    page = Page(anyone._send(method, url)).insist()
    assert page.status == 405
    assert page.response.headers["Allow"]
    assert "Esta acción no se puede pedir de esa manera." in page.text


def test_a_fault_of_ours_is_admitted_without_its_message(broken: None, anyone: Browser):
    with watched() as lines:
        page = anyone.get("/")
    page.insist()
    assert page.status == 500
    assert "Algo falló de nuestro lado" in page.text
    assert page.response.headers["X-Request-ID"] in page.text
    for private in ("Rosa", "1234567", "RuntimeError", "Traceback"):
        assert private not in page.source
    (fault,) = lines.entries("unhandled_error")
    assert fault["error"] == "builtins.RuntimeError"
    assert fault["cause"] == "builtins.ValueError"
    assert any("test_errors" in place for place in fault["trace"])
    assert fault["request_id"] == page.response.headers["X-Request-ID"]
    assert "Rosa" not in lines.text
    assert "1234567" not in lines.text


def test_a_fault_under_the_api_is_a_problem_without_its_message(broken: None, anyone: Browser):
    with watched() as lines:
        response = anyone._send("get", "/api/v1/auth/me")
    assert response.status_code == 500
    assert problem_of(response)["code"] == "internal_error"
    assert "Rosa" not in response.get_data(as_text=True) + lines.text


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [
        ("get", "/api/v1/nothing", 404, "not_found"),
        ("put", "/api/v1/transactions", 405, "method_not_allowed"),
        ("get", "/api/v1/transactions", 401, "invalid_token"),
    ],
)
def test_programs_are_answered_with_problems(
    anyone: Browser, method: str, url: str, status: int, code: str
):
    response = anyone._send(method, url)
    assert response.status_code == status
    assert problem_of(response)["code"] == code


def test_a_fragment_is_refused_with_a_status_that_htmx_can_see(anyone: Browser):
    answer = anyone.get("/transactions", htmx=True)
    assert answer.status == 401
    assert answer.response.headers["HX-Redirect"] == "/login"


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Flask]:
    """An application whose database does not answer."""
    app = other_app(f"postgresql://nobody@127.0.0.1:{closed_port()}/nothing", tmp_path)
    yield app
    with app.app_context():
        db.engine.dispose()


def _remembered(app: Flask) -> Browser:
    """A browser that carries the cookie of an earlier sign-in."""
    browser = Browser(app)
    with browser.client.session_transaction() as session:
        session["_user_id"] = str(uuid.uuid4())
    return browser


def test_without_a_database_people_get_a_page_and_programs_a_problem(away: Flask):
    browser = _remembered(away)
    with watched() as lines:
        page = browser.get("/transactions").insist()
        problem = browser._send(
            "post", "/api/v1/auth/login", json={"email": "a@b.test", "password": "whatever"}
        )
    assert page.status == 503
    assert "no tiene conexión con su base de datos" in page.text
    assert page.response.headers["Retry-After"] == "5"
    assert problem.status_code == 503
    assert problem_of(problem)["code"] == "unavailable"
    assert problem.headers["Retry-After"] == "5"
    assert lines.entries("database_unavailable")
    assert not lines.entries("unhandled_error")


def test_without_a_database_signing_in_says_so(away: Flask):
    page = Browser(away).post("/login", {"email": "a@b.test", "password": "x"}, form="/login")
    assert page.status == 503
    assert "no tiene conexión" in page.text


def test_without_a_database_the_process_lives_and_is_not_ready(away: Flask):
    browser = Browser(away)
    assert browser.get("/health").status == 200
    ready = browser._send("get", "/health/ready")
    assert ready.status_code == 503
    assert ready.get_json()["checks"]["database"] == "unreachable"
    metrics = browser._send("get", "/metrics")
    assert metrics.status_code == 200
    assert "http_requests_total" in metrics.get_data(as_text=True)
    assert "active_users " not in metrics.get_data(as_text=True)


def test_an_outage_ends_by_itself(
    app: Flask, cast: Cast, database_url: str, tmp_path: Path, new_database: DatabaseMaker
):
    relay = Relay(database_url)
    relay.mend()
    other = other_app(relay.url, tmp_path)
    browser = Browser(other).sign_in(cast.cashier)
    assert browser.get("/transactions").status == 200
    relay.cut()
    for url in ("/transactions", "/", "/transactions/new"):
        assert browser.get(url).status == 503
    assert browser._send("get", "/health/ready").status_code == 503
    relay.mend()
    assert browser.get("/transactions").status == 200
    assert browser._send("get", "/health/ready").status_code == 200
    with other.app_context():
        db.engine.dispose()
    relay.cut()


def test_connections_that_the_server_ended_are_replaced_unseen(app: Flask, cashier: Browser):
    assert cashier.get("/transactions").status == 200
    db.session.remove()
    with db.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert cashier.get("/transactions").status == 200
