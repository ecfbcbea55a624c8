"""Programs register, sign in, renew their tokens and sign out."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask

from tests.support.pages import Browser
from tests.support.people import PASSWORD, Cast, create_person
from tests.support.programs import Program
from webapp.accounts import service
from webapp.kernel import clock
from webapp.kernel.permissions import Role

ELSEWHERE: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "198.51.100.23"}}
"""An address of its own: how much is left for the usual one is another test's matter."""


def test_a_program_signs_in_and_learns_who_it_is(integrator: Program, cast: Cast) -> None:
    me = integrator.get("/auth/me").get_json()
    assert me["email"] == cast.integrator.email
    assert me["permissions"] == [
        "transaction:create",
        "transaction:read",
        "transaction:update",
        "webhook:manage",
    ]


def test_the_token_carries_the_claims_of_the_contract(integrator: Program) -> None:
    claims = jwt.decode(integrator.token, options={"verify_signature": False})
    assert {"sub", "email", "permissions", "iat", "exp", "jti"} <= claims.keys()
    assert claims["exp"] - claims["iat"] == 30 * 60


@pytest.mark.parametrize("password", ["wrong password", "", "x" * 1024])
def test_a_wrong_password_gets_one_neutral_refusal(
    stranger: Program, cast: Cast, password: str
) -> None:
    known = stranger.post("/auth/login", {"email": cast.cashier.email, "password": password})
    unknown = stranger.post("/auth/login", {"email": "nobody@clinic.test", "password": password})
    assert known.status_code == unknown.status_code == 401
    assert known.get_json()["detail"] == unknown.get_json()["detail"]
    assert "Bearer" in known.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "body", [None, [], "text", 1, {"email": 1, "password": 2}, {"email": "a@b.test"}, {"x": 1}]
)
def test_a_malformed_sign_in_is_refused_in_words(stranger: Program, body: object) -> None:
    assert stranger.post("/auth/login", body).status_code in (400, 415, 422)


@pytest.mark.parametrize("email", ["a\x00@clinic.test", "\ud800@clinic.test"])
def test_an_email_that_cannot_be_stored_is_an_unknown_one(stranger: Program, email: str) -> None:
    answer = stranger.post("/auth/login", {"email": email, "password": PASSWORD})
    assert answer.status_code in (401, 422)


def test_signing_out_ends_the_access_and_the_refresh_token(app: Flask, cast: Cast) -> None:
    program = Program(app)
    tokens = program.post(
        "/auth/login", {"email": cast.cashier.email, "password": PASSWORD}
    ).get_json()
    program.token = tokens["access_token"]
    assert program.call("POST", "/auth/logout").status_code == 204
    assert program.get("/auth/me").status_code == 401
    again = program.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    assert again.status_code == 401


def test_a_refresh_token_works_once(app: Flask, cast: Cast) -> None:
    program = Program(app)
    first = program.post(
        "/auth/login", {"email": cast.cashier.email, "password": PASSWORD}
    ).get_json()
    second = program.post("/auth/refresh", {"refresh_token": first["refresh_token"]})
    program.token = second.get_json()["access_token"]
    assert program.get("/auth/me").status_code == 200
    program.token = ""
    reused = program.post("/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert reused.status_code == 401


def _forged(
    token: str, key: bytes | None = None, algorithm: str = "HS256", **changes: object
) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(
        claims,
        None if algorithm == "none" else key or b"somebody else's key of 32 bytes!!",
        algorithm=algorithm,
    )


def test_forged_and_expired_tokens_are_refused(integrator: Program, app: Flask) -> None:
    good = integrator.token
    ours = app_key(app)
    an_hour_ago = clock.now() - timedelta(hours=1)
    for bad in (
        _forged(good),
        _forged(good, algorithm="none"),
        _forged(good, ours, exp=None),
        _forged(good, ours, exp=an_hour_ago),
        _forged(good, ours, sid=str(uuid.uuid4())),
        _forged(good, ours, sub=str(uuid.uuid4())),
        "nonsense",
        "",
    ):
        integrator.token = bad
        refused = integrator.get("/transactions")
        assert refused.status_code == 401
        assert "Bearer" in refused.headers["WWW-Authenticate"]
    integrator.token = good
    assert integrator.get("/transactions").status_code == 200


def app_key(app: Flask) -> bytes:
    """Return the key with which the application signs."""
    from webapp.api import tokens

    return tokens.signing_key(app.config["SETTINGS"].secret_key)


def test_the_session_of_a_browser_does_not_open_the_api(cashier: Browser) -> None:
    assert cashier.client.get("/api/v1/transactions").status_code == 401


def test_a_token_ends_when_its_user_is_deactivated(app: Flask) -> None:
    person = create_person("leaving@clinic.test", "Se Va Mañana", Role.CASHIER)
    program = Program(app, person)
    service.close_all_sessions(user_id=person.id)
    assert program.get("/auth/me").status_code == 401


def test_registering_waits_for_approval(stranger: Program) -> None:
    body = {
        "email": "newuser@example.com",
        "password": "SecurePass123!",
        "full_name": "New User",
        "national_id": "V12345678",
        "phone_number": "04121234567",
    }
    created = stranger.post("/auth/register", body)
    assert created.status_code == 201
    assert created.get_json()["is_active"] is False
    assert created.get_json()["permissions"] == []
    assert "password" not in created.text
    login = {"email": body["email"], "password": body["password"]}
    assert stranger.post("/auth/login", login).status_code == 401
    assert stranger.post("/auth/register", body).status_code == 409


def test_registering_with_wrong_data_says_what_is_wrong(stranger: Program) -> None:
    answer = stranger.post(
        "/auth/register",
        {
            "email": "nonsense",
            "password": "short",
            "full_name": "New User",
        },
    )
    assert answer.status_code == 422
    assert {error["field"] for error in answer.get_json()["errors"]} == {"email", "password"}


def test_ten_failures_lock_that_account_alone_for_a_while(stranger: Program, cast: Cast) -> None:
    wrong = {"email": cast.cashier.email, "password": "not the password"}
    statuses = [stranger.post("/auth/login", wrong).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    refused = stranger.post("/auth/login", wrong)
    assert int(refused.headers["Retry-After"]) > 0
    other = {"email": cast.supervisor.email, "password": PASSWORD}
    assert stranger.post("/auth/login", other).status_code == 200


def test_wrong_refresh_tokens_lock_nobody_out(app: Flask, stranger: Program, cast: Cast) -> None:
    signed_in = {"email": cast.integrator.email, "password": PASSWORD}
    tokens = stranger.post("/auth/login", signed_in).get_json()
    for _ in range(60):
        nonsense = stranger.post("/auth/refresh", {"refresh_token": "nonsense"}, **ELSEWHERE)
        assert nonsense.status_code == 401
    renewed = stranger.post(
        "/auth/refresh", {"refresh_token": tokens["refresh_token"]}, **ELSEWHERE
    )
    assert renewed.status_code == 200
    assert stranger.post("/auth/login", signed_in, **ELSEWHERE).status_code == 200


def test_an_address_cannot_find_out_every_account_by_registering(stranger: Program) -> None:
    taken = {"email": "new@clinic.test", "password": "long enough 2026", "full_name": "New User"}
    assert stranger.post("/auth/register", taken, **ELSEWHERE).status_code == 201
    answers = [stranger.post("/auth/register", taken, **ELSEWHERE).status_code for _ in range(100)]
    assert answers == [409] * 99 + [429]


def test_white_space_belongs_to_a_password_as_on_the_pages(app: Flask, stranger: Program) -> None:
    spaced = "  with blanks around  "
    service.create_user(
        email="blanks@clinic.test", full_name="Con Espacios", password=spaced, role=Role.CASHIER
    )
    login = {"email": " blanks@clinic.test ", "password": spaced}
    assert stranger.post("/auth/login", login).status_code == 200
    trimmed = {**login, "password": spaced.strip()}
    assert stranger.post("/auth/login", trimmed).status_code == 401
