"""Signing in and out as browsers do it."""

from __future__ import annotations

import secrets
import uuid
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.pages import Browser, Page
from tests.support.people import PASSWORD, Cast, Person, create_person
from webapp import create_app
from webapp.accounts import service
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.kernel.permissions import Role

NEUTRAL = "no coinciden"
COOKIE = "areamedica_session"


def sign_in(browser: Browser, email: str, password: str = PASSWORD, **more: str) -> Page:
    return browser.post("/login", {"email": email, "password": password, **more}, form="/login")


@pytest.fixture
def newcomer(app: Flask) -> Person:
    """Somebody who is not of the cast, so that a test may change them."""
    return create_person("newcomer@clinic.test", "Nueva Persona", Role.CASHIER)


def cookie_of(browser: Browser) -> str:
    cookie = browser.client.get_cookie(COOKIE)
    assert cookie
    return cookie.value


def test_the_right_password_opens_the_home_page(cast: Cast, anyone: Browser):
    answer = sign_in(anyone, cast.cashier.email)
    assert answer.status == 303
    assert answer.response.headers["Location"] == "/"
    assert cast.cashier.full_name in anyone.follow(answer).text


@pytest.mark.parametrize("email", [" CASHIER@clinic.test ", "Cashier@Clinic.Test"])
def test_capitals_and_spaces_around_the_email_do_not_matter(
    cast: Cast, anyone: Browser, email: str
):
    assert sign_in(anyone, email).status == 303


def test_the_sign_in_page_redirects_somebody_who_is_signed_in(cashier: Browser):
    answer = cashier.get("/login?next=/transactions")
    assert (answer.status, answer.response.headers["Location"]) == (303, "/transactions")


def test_every_failed_sign_in_gets_the_same_words(app: Flask, cast: Cast, newcomer: Person):
    db.session.execute(
        text("UPDATE users SET is_active = false WHERE email = 'newcomer@clinic.test'")
    )
    db.session.commit()
    pages = [
        sign_in(Browser(app), cast.cashier.email, "wrong password"),
        sign_in(Browser(app), "nobody@clinic.test"),
        sign_in(Browser(app), newcomer.email),
        sign_in(Browser(app), "not an address"),
    ]
    sentences = set()
    for page in pages:
        page.insist()
        assert page.status == 401
        assert PASSWORD not in page.source
        sentences.add(page.text)
    assert len(sentences) == 1
    assert pages[0].inputs["email"] == cast.cashier.email


def test_empty_fields_say_what_is_missing_and_keep_the_rest(anyone: Browser):
    page = sign_in(anyone, "someone@clinic.test", "").insist()
    assert page.status == 422
    assert "Escriba su contraseña." in page.text
    assert page.inputs["email"] == "someone@clinic.test"
    assert "Escriba su correo." in sign_in(anyone, "", "something").text


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("a\x00b@clinic.test", PASSWORD),
        ("cashier@clinic.test", "a\x00b"),
        ("x" * 5000 + "@clinic.test", PASSWORD),
        ("cashier@clinic.test", "x" * 5000),
        ("cashier@clinic.test", "ñ" * 1024),
        ("cashier@clinic.test' OR '1'='1", PASSWORD),
        ("<b>@clinic.test", PASSWORD),
    ],
)
def test_strange_input_is_refused_in_words(cast: Cast, anyone: Browser, email: str, password: str):
    page = sign_in(anyone, email, password).insist()
    assert page.status in (401, 422)
    assert "No se pudo entrar" in page.text


def test_a_stranger_comes_back_to_where_they_were_going(cast: Cast, anyone: Browser):
    turned = anyone.get("/transactions?status=TO_REVIEW&q=Rosa")
    assert turned.status == 303
    page = anyone.follow(turned)
    answer = anyone.post(
        "/login",
        {"email": cast.cashier.email, "password": PASSWORD},
        form=turned.response.headers["Location"],
    )
    assert page.inputs["next"] == "/transactions?status=TO_REVIEW&q=Rosa"
    assert answer.response.headers["Location"] == "/transactions?status=TO_REVIEW&q=Rosa"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "///evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "javascript:alert(1)",
        "evil.example",
        "http:evil.example",
        "/\r\nX-Evil: 1",
        "//[",
    ],
)
def test_nobody_is_sent_to_another_site(cast: Cast, anyone: Browser, target: str):
    answer = sign_in(anyone, cast.cashier.email, next=target)
    assert (answer.status, answer.response.headers["Location"]) == (303, "/")
    again = anyone._send("get", "/login", query_string={"next": target})
    assert (again.status_code, again.headers["Location"]) == (303, "/")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(cast: Cast, anyone: Browser):
    cookie = sign_in(anyone, cast.cashier.email).response.headers["Set-Cookie"]
    assert cookie.startswith(COOKIE)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert cast.cashier.email not in cookie


def test_in_production_the_cookie_travels_only_over_https(
    app: Flask, cast: Cast, database_url: str, tmp_path: Path
):
    production = create_app(
        Settings.from_environment(
            {
                "ENVIRONMENT": "production",
                "SECRET_KEY": secrets.token_hex(32),
                "ALLOWED_HOSTS": "localhost",
                "DATABASE_URL": database_url,
                "DATA_DIR": str(tmp_path),
                "BANESCO_QA_API_URL": "https://bank.example/v1",
                "BANESCO_QA_AUTH_URL": "https://bank.example/token",
                "BANESCO_QA_CLIENT_ID": "clinic",
                "BANESCO_QA_CLIENT_SECRET": "secret",
            }
        )
    )
    browser = Browser(production)
    page = Page(browser._send("get", "/login", base_url="https://localhost"))
    answer = browser._send(
        "post",
        "/login",
        base_url="https://localhost",
        headers={"Referer": "https://localhost/login"},
        data={**page.inputs, "email": cast.cashier.email, "password": PASSWORD},
    )
    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    assert "; Secure" in cookie
    assert "HttpOnly" in cookie
    with production.app_context():
        db.engine.dispose()


def test_a_session_is_a_new_one_after_signing_in(cast: Cast, anyone: Browser):
    anyone.get("/login")
    before = cookie_of(anyone)
    sign_in(anyone, cast.cashier.email)
    assert cookie_of(anyone) != before


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(
    app: Flask, cashier: Browser, supervisor: Browser
):
    stolen = cookie_of(cashier)
    answer = cashier.post("/logout", {})
    assert (answer.status, answer.response.headers["Location"]) == (303, "/login")
    assert "Cerró la sesión." in cashier.follow(answer).text
    thief = Browser(app)
    thief.client.set_cookie(COOKIE, stolen)
    assert thief.get("/transactions").response.headers["Location"].startswith("/login")
    assert supervisor.get("/transactions").status == 200


def test_signing_out_of_one_browser_leaves_the_other(app: Flask, cast: Cast, cashier: Browser):
    second = Browser(app).sign_in(cast.cashier)
    cashier.post("/logout", {})
    assert second.get("/transactions").status == 200


def test_a_forged_cookie_opens_nothing(app: Flask, anyone: Browser):
    for name in (str(uuid.uuid4()), "not-a-uuid", "", "1"):
        with anyone.client.session_transaction() as session:
            session["_user_id"] = name
        assert anyone.get("/transactions").status == 303
    anyone.client.set_cookie(COOKIE, "eyJfdXNlcl9pZCI6IjEifQ.forged.forged")
    assert anyone.get("/transactions").status == 303


def test_a_deactivated_user_is_signed_out_at_once(app: Flask, newcomer: Person):
    browser = Browser(app).sign_in(newcomer)
    assert browser.get("/transactions").status == 200
    db.session.execute(
        text("UPDATE users SET is_active = false WHERE email = 'newcomer@clinic.test'")
    )
    db.session.commit()
    assert browser.get("/transactions").response.headers["Location"].startswith("/login")


def test_all_sessions_of_somebody_can_be_ended(app: Flask, newcomer: Person):
    browsers = [Browser(app).sign_in(newcomer) for _ in range(2)]
    service.close_all_sessions(user_id=newcomer.id)
    for browser in browsers:
        assert browser.get("/transactions").status == 303


def test_a_session_ends_after_its_hours(app: Flask, newcomer: Person):
    browser = Browser(app).sign_in(newcomer)
    db.session.execute(text("UPDATE user_sessions SET expires_at = now() - interval '1 second'"))
    db.session.commit()
    assert browser.get("/transactions").status == 303


def test_a_lost_permission_is_lost_at_once(app: Flask, newcomer: Person):
    browser = Browser(app).sign_in(newcomer)
    db.session.execute(
        text("DELETE FROM user_permissions WHERE user_id = :id"), {"id": newcomer.id}
    )
    db.session.commit()
    refused = browser.get("/transactions")
    assert refused.status == 403
    assert "Cerrar sesión" in refused.text
    out = browser._send("post", "/logout", data={"csrf_token": refused.inputs["csrf_token"]})
    assert out.headers["Location"].startswith("/login")


@pytest.mark.parametrize("token", [{}, {"csrf_token": ""}, {"csrf_token": "stale"}])
def test_a_stale_form_says_so_and_keeps_the_email(
    cast: Cast, anyone: Browser, token: dict[str, str]
):
    sent = {"email": cast.cashier.email, "password": PASSWORD, **token}
    page = Page(anyone._send("post", "/login", data=sent)).insist()
    assert page.status == 400
    assert "abierta demasiado tiempo" in page.text
    assert "CSRF" not in page.text
    assert page.inputs["email"] == cast.cashier.email
    assert sign_in(anyone, cast.cashier.email).status == 303


def test_a_form_posted_after_the_session_ended_is_not_saved_and_the_page_says_so(
    app: Flask, cashier: Browser
):
    page = cashier.get("/transactions/new")
    token = page.inputs["csrf_token"]
    cashier.client.delete_cookie(COOKIE)
    answer = Page(cashier._send("post", "/transactions/new", data={"csrf_token": token}))
    assert answer.status == 303
    assert "Su sesión terminó y no se guardó nada." in cashier.follow(answer).text


@pytest.mark.parametrize(
    ("current", "wanted"),
    [
        ("http://localhost/transactions?status=TO_REVIEW", "/transactions?status=TO_REVIEW"),
        ("https://localhost/reviews#item", "/reviews"),
        ("http://localhost//evil.example", None),
        ("http://evil.example/transactions", None),
        ("http://localhost.evil.example/", None),
        ("http://localhost@evil.example/", None),
        ("http://[/", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_signing_in_from_inside_a_page_leads_back_to_that_page(
    anyone: Browser, current: str, wanted: str | None
):
    headers = {"HX-Request": "true", "HX-Current-URL": current}
    turned = anyone.get("/transactions?page=2", headers=headers)
    target = urlsplit(turned.response.headers["HX-Redirect"])
    assert (turned.status, target.path) == (401, "/login")
    assert parse_qs(target.query).get("next") == ([wanted] if wanted else None)


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("x" * 256, PASSWORD, "El correo es demasiado largo."),
        ("cashier@clinic.test", "x" * 1025, "La contraseña es demasiado larga."),
    ],
)
def test_a_text_that_is_too_long_is_refused_in_our_words(
    anyone: Browser, email: str, password: str, sentence: str
):
    page = sign_in(anyone, email, password).insist()
    assert page.status == 422
    assert sentence in page.text
