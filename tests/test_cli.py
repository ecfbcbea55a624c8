"""The commands of operators and scripts."""

from __future__ import annotations

import secrets
from contextvars import Context
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.pages import Browser
from tests.support.people import Cast
from tests.support.programs import Program
from webapp import create_app
from webapp.accounts import queries
from webapp.accounts.models import User
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.kernel.permissions import ROLE_PERMISSIONS, Role
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction


def run(app: Flask, *words: str, typed: str = "") -> Result:
    # In a context of its own: the command must make its own application context.
    return Context().run(app.test_cli_runner().invoke, args=list(words), input=typed)


def create(app: Flask, email: str, *, role: str = "cashier", password: str = "a new password"):
    return run(
        app,
        *("users", "create", email, "--name", "Nueva Persona", "--role", role),
        "--password-stdin",
        typed=f"{password}\n",
    )


@pytest.mark.parametrize("role", list(Role))
def test_a_created_user_has_the_permissions_of_the_role_and_signs_in(app: Flask, role: Role):
    result = create(app, "New@Clinic.test", role=role.value)
    assert result.exit_code == 0, result.output
    assert result.output == f"new@clinic.test ({role.value})\n"
    user = queries.user_by_email("new@clinic.test")
    assert user
    assert user.permissions == ROLE_PERMISSIONS[role]
    assert user.password_hash.startswith("$argon2id$")
    signed_in = Browser(app).post(
        "/login", {"email": "new@clinic.test", "password": "a new password"}, form="/login"
    )
    assert signed_in.status == 303


def test_the_password_can_be_typed_twice(app: Flask):
    words = ("users", "create", "new@clinic.test", "--name", "Nueva Persona", "--role", "cashier")
    assert run(app, *words, typed="a new password\na new password\n").exit_code == 0


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("not-an-address", "a new password", "Escriba un correo como"),
        ("a@b\x00.test", "a new password", "Escriba un correo como"),
        ("new@clinic.test", "short", "La contraseña debe tener entre"),
        ("new@clinic.test", "", "La contraseña debe tener entre"),
        ("new@clinic.test", "x" * 200, "La contraseña debe tener entre"),
        ("cashier@clinic.test", "a new password", "Ya existe un usuario con ese correo."),
    ],
)
def test_a_user_with_wrong_fields_is_refused_in_words(
    app: Flask, cast: Cast, email: str, password: str, sentence: str
):
    before = db.session.scalar(select(func.count()).select_from(User))
    result = create(app, email, password=password)
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert db.session.scalar(select(func.count()).select_from(User)) == before


def test_an_unknown_role_is_refused(app: Flask):
    assert create(app, "new@clinic.test", role="root").exit_code == 2


def test_a_key_is_printed_once_and_opens_the_api(app: Flask, cast: Cast):
    words = ("users", "api-key", "HIS@clinic.test", "--name", "Laboratorio")
    result = run(app, *words, "--days", "30", "--permission", "transaction:read")
    assert result.exit_code == 0, result.output
    program = Program(app)
    program.token = result.output.strip()
    me = program.get("/auth/me").get_json()
    assert (me["email"], me["permissions"]) == (cast.integrator.email, ["transaction:read"])
    again = run(app, *words)
    assert again.exit_code == 1
    assert "ya tiene una llave vigente con ese nombre" in again.output


def test_a_key_without_chosen_permissions_gets_those_of_its_user(app: Flask, cast: Cast):
    result = run(app, "users", "api-key", cast.integrator.email, "--name", "Todo")
    program = Program(app)
    program.token = result.output.strip()
    assert program.get("/auth/me").get_json()["permissions"] == sorted(
        ROLE_PERMISSIONS[Role.INTEGRATOR]
    )


@pytest.mark.parametrize(
    ("email", "more", "sentence"),
    [
        ("nobody@clinic.test", (), "No hay ningún usuario con ese correo."),
        ("a\x00b@clinic.test", (), "No hay ningún usuario con ese correo."),
        ("his@clinic.test", ("--days", "0"), "Debe ser un número de 1 a 1095."),
        ("his@clinic.test", ("--days", "9" * 30), "Debe ser un número de 1 a 1095."),
        ("his@clinic.test", ("--permission", "admin:access"), "no tiene: admin:access"),
        ("his@clinic.test", ("--permission", "root"), "Invalid value"),
        (
            "supervisor@clinic.test",
            ("--permission", "transaction:review"),
            "Las llaves no deciden pagos en esta instalación",
        ),
    ],
)
def test_a_key_with_wrong_options_is_refused_in_words(
    app: Flask, cast: Cast, email: str, more: tuple[str, ...], sentence: str
):
    result = run(app, "users", "api-key", email, "--name", "Laboratorio", *more)
    assert result.exit_code in (1, 2)
    assert sentence in result.output
    assert "amp_" not in result.output


def test_the_worker_asks_about_what_is_due_and_ends(app: Flask, cast: Cast, bank: FakeGateway):
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(payment)))
    result = run(app, "worker", "--once")
    assert result.exit_code == 0, result.output
    assert payments.reread(payment).status is Status.COMPLETED


def test_demo_data_can_be_made_again_and_again(app: Flask):
    counts = []
    for _ in range(2):
        result = run(app, "demo-data")
        assert result.exit_code == 0, result.output
        counts.append(
            [
                db.session.scalar(select(func.count()).select_from(table))
                for table in (User, Transaction)
            ]
        )
    assert counts[0] == counts[1]
    assert queries.user_by_email("cajera@demo.test")


@pytest.mark.parametrize("command", [("sandbox", "--port", "0")])
def test_production_refuses_what_is_for_development(
    app: Flask,
    database_url: str,
    tmp_path: Path,
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("ENVIRONMENT", "production")
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
    result = run(production, *command)
    assert result.exit_code != 0
    assert "production" in result.output
    assert queries.user_by_email("cajera@demo.test") is None
