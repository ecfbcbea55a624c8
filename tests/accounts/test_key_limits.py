"""No key outlives or exceeds its maker, at the moment of making it and at every moment after."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from flask import Flask

from tests.support.counting import counted_statements
from tests.support.pages import Browser
from tests.support.people import Cast, create_person
from tests.support.programs import Program
from webapp.accounts import api_keys, changes, queries
from webapp.accounts.changes import UserChanges
from webapp.kernel import clock
from webapp.kernel.permissions import SYSTEM, Permission, Role

ADMIN_ONLY = frozenset({Permission.ADMIN_ACCESS})
READING = frozenset({Permission.TRANSACTION_READ})


def script(app: Flask, secret: str) -> Program:
    """A program with this key."""
    program = Program(app)
    program.token = secret
    return program


@pytest.fixture
def day_key(app: Flask, cast: Cast) -> Program:
    """A script of the administrator with a key that may administer, for one day."""
    made = api_keys.issue(
        actor=cast.admin.actor,
        user_id=cast.admin.id,
        name="Un día",
        permissions=ADMIN_ONLY,
        expires_in_days=1,
    )
    return script(app, made.secret)


@pytest.mark.parametrize("user", ["admin", "supervisor", "integrator"])
def test_a_key_makes_no_key_that_may_do_more_or_lasts_longer(
    app: Flask, cast: Cast, day_key: Program, user: str
):
    path = f"/users/{getattr(cast, user).id}/api-keys"
    more = day_key.post(path, {"name": "Más", "permissions": ["transaction:read"]})
    assert (more.status_code, more.get_json()["code"]) == (403, "beyond_own_permissions")
    if user != "admin":
        return
    longer = day_key.post(
        path, {"name": "Larga", "permissions": ["admin:access"], "expires_in_days": 1095}
    )
    assert (longer.status_code, longer.get_json()["code"]) == (403, "beyond_own_key")
    made = day_key.post(path, {"name": "Igual"}).get_json()
    assert made["permissions"] == ["admin:access"]
    assert datetime.fromisoformat(made["expires_at"]) <= clock.now() + timedelta(days=1)


def test_ending_a_key_ends_those_that_were_made_with_it(
    app: Flask, cast: Cast, day_key: Program, admin: Browser
):
    path = f"/users/{cast.admin.id}/api-keys"
    second = script(app, day_key.post(path, {"name": "Segunda"}).get_json()["key"])
    third = script(app, second.post(path, {"name": "Tercera"}).get_json()["key"])
    assert third.get("/auth/me").status_code == 200
    first = next(key for key in queries.keys_of(cast.admin.id) if key.name == "Un día")
    url = f"/admin/users/{cast.admin.id}"
    admin.post(f"{url}/api-keys/{first.id}/revoke", {}, form=url)
    for program in (day_key, second, third):
        assert program.get("/auth/me").status_code == 401


def test_a_key_may_no_longer_do_what_its_maker_lost(app: Flask, cast: Cast):
    maker = create_person("maker@clinic.test", "Quien Crea", Role.ADMIN)
    made = api_keys.issue(
        actor=maker.actor,
        user_id=cast.integrator.id,
        name="HIS",
        permissions=READING | {Permission.TRANSACTION_CREATE},
    )
    program = script(app, made.secret)
    less = UserChanges(permissions=ADMIN_ONLY | READING)
    changes.change_user(actor=cast.admin.actor, user_id=maker.id, changes=less)
    assert program.get("/auth/me").get_json()["permissions"] == ["transaction:read"]
    page = Browser(app).sign_in(cast.admin).get(f"/admin/users/{cast.integrator.id}")
    assert "Sin efecto ahora: Registrar pagos." in page.text
    assert "Una llave no puede más que su usuario ni que quien la creó." in page.text


def test_a_key_opens_nothing_once_its_maker_is_deactivated_and_the_page_says_so_before(
    app: Flask, cast: Cast, admin: Browser
):
    maker = create_person("maker@clinic.test", "Quien Crea", Role.ADMIN)
    made = api_keys.issue(actor=maker.actor, user_id=cast.integrator.id, name="HIS central")
    program = script(app, made.secret)
    assert program.get("/transactions").status_code == 200
    url = f"/admin/users/{maker.id}"
    page = admin.get(url)
    assert "También dejan de abrir las llaves que creó para otros:" in page.text
    assert f"HIS central · {cast.integrator.full_name}" in page.text
    admin.post(f"{url}/activity", {"is_active": "false"}, form=url)
    assert program.get("/transactions").status_code == 403
    assert program.get("/auth/me").get_json()["permissions"] == []
    shown = admin.get(f"/admin/users/{cast.integrator.id}").text
    assert re.search(r"Creada por Quien Crea ?\(inactivo\)", shown)


def test_the_makers_of_a_key_cost_its_requests_no_further_statement(app: Flask, cast: Cast):
    by_nobody = api_keys.issue(actor=SYSTEM, user_id=cast.integrator.id, name="Sin nadie")
    by_somebody = api_keys.issue(
        actor=cast.admin.actor, user_id=cast.integrator.id, name="De alguien"
    )
    counts = []
    for made in (by_nobody, by_somebody):
        program = script(app, made.secret)
        program.get("/auth/me")
        with counted_statements() as statements:
            assert program.get("/auth/me").status_code == 200
        counts.append(len([one for one in statements if "rate_limits" not in one]))
    assert counts[0] == counts[1]
    assert counts[1] <= 2
