"""Nobody grants what they lack, so nobody grants themselves anything, neither by page nor by program nor by key."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.support.pages import Browser
from tests.support.people import PASSWORD, Cast, Person, create_person
from tests.support.programs import Program
from webapp.accounts import api_keys, changes, queries, service
from webapp.accounts.changes import UserChanges
from webapp.accounts.grants import BeyondOwnPermissions
from webapp.kernel.database import db
from webapp.kernel.permissions import ROLE_PERMISSIONS, SYSTEM, Permission, Role

ADMIN_ONLY = frozenset({Permission.ADMIN_ACCESS})
READING = frozenset({Permission.TRANSACTION_READ})


def created(email: str, permissions: frozenset[Permission]) -> Person:
    """Somebody with exactly these permissions."""
    service.create_user(
        email=email,
        full_name="Con Pocos Permisos",
        password=PASSWORD,
        role=Role.ADMIN,
        permissions=permissions,
    )
    user = queries.user_by_email(email)
    assert user
    return Person(email, user.full_name, Role.ADMIN, user.as_actor())


@pytest.fixture
def limited(app: Flask) -> Person:
    """An administrator who may administer, and nothing else."""
    return created("limited@clinic.test", ADMIN_ONLY)


@pytest.fixture
def newcomer(app: Flask) -> Person:
    """A cashier who is not of the cast, so that a test may change them."""
    return create_person("newcomer@clinic.test", "Nueva Persona", Role.CASHIER)


def held(person: Person) -> frozenset[Permission]:
    return queries.permissions_now({person.id})


def script(app: Flask, secret: str) -> Program:
    program = Program(app)
    program.token = secret
    return program


@pytest.mark.parametrize(
    "body",
    [
        {"permissions": ["admin:access", "transaction:review", "transaction:delete"]},
        {"role": "admin"},
        {"role": "admin", "permissions": ["admin:access", "report:read"]},
    ],
)
def test_nobody_gives_themselves_what_they_lack(app: Flask, limited: Person, body: dict[str, Any]):
    refused = Program(app, limited).call("PATCH", f"/users/{limited.id}", json=body)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "beyond_own_permissions")
    assert held(limited) == ADMIN_ONLY


def test_nobody_gives_themselves_anything_back_on_the_page(app: Flask, limited: Person):
    browser = Browser(app).sign_in(limited)
    url = f"/admin/users/{limited.id}"
    sent = {"permissions": ["admin:access", "transaction:review"]}
    page = browser.post(f"{url}/permissions", sent, form=url).insist()
    assert page.status == 403
    assert "Usted no tiene: Decidir pagos por revisar." in page.text
    assert "Usted no tiene, y por eso no puede dar:" in page.text
    assert held(limited) == ADMIN_ONLY


def test_who_lost_a_permission_gets_it_back_from_somebody_else_only(
    app: Flask, cast: Cast, admin: Browser
):
    person = create_person("other.admin@clinic.test", "Otra Persona", Role.ADMIN)
    less = UserChanges(permissions=frozenset(Permission) - {Permission.TRANSACTION_REVIEW})
    changes.change_user(actor=cast.admin.actor, user_id=person.id, changes=less)
    browser, url = Browser(app).sign_in(person), f"/admin/users/{person.id}"
    assert browser.post(f"{url}/permissions", {"preset": "1"}, form=url).status == 403
    with pytest.raises(BeyondOwnPermissions):
        changes.change_user(
            actor=person.actor,  # as it was read before the permission was taken
            user_id=person.id,
            changes=UserChanges(permissions=frozenset(Permission)),
        )
    db.session.rollback()
    page = admin.follow(admin.post(f"{url}/permissions", {"preset": "1"}, form=url))
    assert "Gana: Decidir pagos por revisar." in page.text
    assert held(person) == frozenset(Permission)


@pytest.mark.parametrize("role", ["cashier", "supervisor", "integrator", "admin"])
def test_a_role_is_given_only_by_who_holds_all_of_it(
    app: Flask, limited: Person, newcomer: Person, role: str
):
    program = Program(app, limited)
    new = {
        "email": "made@clinic.test",
        "full_name": "Hecha Por Otra",
        "password": "a new password",
        "role": role,
    }
    refused = program.post("/users", new)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "beyond_own_permissions")
    assert queries.user_by_email("made@clinic.test") is None
    if role != "cashier":
        changed = program.call("PATCH", f"/users/{newcomer.id}", json={"role": role})
        assert changed.get_json()["code"] == "beyond_own_permissions"
    assert held(newcomer) == ROLE_PERMISSIONS[Role.CASHIER]


def test_the_page_for_new_users_refuses_a_role_beyond_ones_own(app: Flask, limited: Person):
    browser = Browser(app).sign_in(limited)
    sent = {
        "full_name": "Nueva Persona",
        "email": "made@clinic.test",
        "role": "supervisor",
        "password": "a new password",
    }
    page = browser.post("/admin/users/new", sent, form="/admin/users/new").insist()
    assert page.status == 403
    assert "No puede darlo" in page.text
    assert page.inputs["email"] == "made@clinic.test"
    assert queries.user_by_email("made@clinic.test") is None


def test_what_one_holds_can_be_given_and_anything_can_be_taken(
    app: Flask, limited: Person, newcomer: Person
):
    program, path = Program(app, limited), f"/users/{newcomer.id}"
    given = {"permissions": ["transaction:read", "admin:access"]}
    assert program.call("PATCH", path, json=given).status_code == 200
    assert held(newcomer) == READING | ADMIN_ONLY
    assert program.call("PATCH", path, json={"permissions": []}).status_code == 200
    assert held(newcomer) == frozenset()


def test_nobody_opens_the_account_of_somebody_who_may_do_more(
    app: Flask, limited: Person, newcomer: Person
):
    program, path = Program(app, limited), f"/users/{newcomer.id}"
    taken_over = program.call("PATCH", path, json={"password": "chosen by another"})
    assert taken_over.get_json()["code"] == "beyond_own_permissions"
    assert program.call("PATCH", path, json={"is_active": False}).status_code == 200
    let_in = program.call("PATCH", path, json={"is_active": True})
    assert let_in.get_json()["code"] == "beyond_own_permissions"
    assert held(newcomer) == frozenset(), "not active"
    own = program.call("PATCH", f"/users/{limited.id}", json={"password": "a password of my own"})
    assert own.status_code == 200


@pytest.mark.parametrize("opening", [{"password": "chosen by another"}, {"is_active": True}])
def test_taking_permissions_in_the_same_change_opens_no_account_of_somebody_who_may_do_more(
    app: Flask, cast: Cast, limited: Person, opening: dict[str, Any]
):
    supervisor = create_person("other.supervisor@clinic.test", "Otra Supervisora", Role.SUPERVISOR)
    if "is_active" in opening:
        away = UserChanges(is_active=False)
        changes.change_user(actor=cast.admin.actor, user_id=supervisor.id, changes=away)
    program, path = Program(app, limited), f"/users/{supervisor.id}"
    before = program.get(path).get_json()
    refused = program.call("PATCH", path, json={**opening, "permissions": []})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "beyond_own_permissions")
    assert program.get(path).get_json() == before


def test_the_command_line_creates_anybody(app: Flask):
    made = service.create_user(
        actor=SYSTEM,
        email="first@clinic.test",
        full_name="Primera Persona",
        password=PASSWORD,
        role=Role.ADMIN,
    )
    assert made.permissions == frozenset(Permission)


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


def test_a_key_gives_no_user_what_it_lacks_itself(
    app: Flask, cast: Cast, day_key: Program, newcomer: Person
):
    for person, body in (
        (newcomer, {"role": "supervisor"}),
        (newcomer, {"password": "chosen by a key"}),
        (cast.admin, {"password": "chosen by a key"}),
    ):
        refused = day_key.call("PATCH", f"/users/{person.id}", json=body)
        assert refused.get_json()["code"] == "beyond_own_permissions"


def test_a_key_gives_nothing_to_who_made_it(app: Flask, cast: Cast):
    maker = create_person("maker@clinic.test", "Quien Crea", Role.ADMIN)
    made = api_keys.issue(actor=maker.actor, user_id=cast.admin.id, name="Todo")
    less = UserChanges(permissions=frozenset(Permission) - {Permission.REPORT_READ})
    changes.change_user(actor=cast.admin.actor, user_id=maker.id, changes=less)
    refused = script(app, made.secret).call(
        "PATCH", f"/users/{maker.id}", json={"role": "admin", "permissions": list(Permission)}
    )
    assert refused.get_json()["code"] == "beyond_own_permissions"
    assert Permission.REPORT_READ not in held(maker)


@pytest.fixture
def whole_key(app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A script of the administrator with a key for all that they may do, decisions too, for one day."""
    settings = app.config["SETTINGS"].model_copy(update={"api_keys_may_review": True})
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    made = api_keys.issue(
        actor=cast.admin.actor,
        user_id=cast.admin.id,
        name="Todo por un día",
        expires_in_days=1,
        may_review=True,
    )
    return script(app, made.secret)


@pytest.mark.parametrize("granted", [{"permissions": ["admin:access"]}, {}])
def test_a_key_creates_no_administrator(app: Flask, whole_key: Program, granted: dict[str, Any]):
    new = {
        "email": "made@clinic.test",
        "full_name": "Hecha Por Llave",
        "password": "a new password",
        "role": "admin",
    }
    refused = whole_key.post("/users", {**new, **granted})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "beyond_own_key")
    assert "debe hacerlo una persona" in refused.get_json()["detail"]
    assert queries.user_by_email("made@clinic.test") is None
    assert whole_key.post("/users", {**new, "role": "cashier"}).status_code == 201


def test_a_key_makes_nobody_an_administrator_and_opens_no_administrators_account(
    app: Flask, cast: Cast, whole_key: Program, limited: Person, newcomer: Person
):
    away = created("away@clinic.test", ADMIN_ONLY)
    changes.change_user(
        actor=cast.admin.actor, user_id=away.id, changes=UserChanges(is_active=False)
    )
    for person, body in (
        (newcomer, {"permissions": ["transaction:read", "admin:access"]}),
        (limited, {"password": "chosen by a key"}),
        (limited, {"password": "chosen by a key", "permissions": []}),
        (cast.admin, {"password": "chosen by a key"}),
        (away, {"is_active": True}),
    ):
        refused = whole_key.call("PATCH", f"/users/{person.id}", json=body)
        assert (refused.status_code, refused.get_json()["code"]) == (403, "beyond_own_key"), body
    renamed = whole_key.call("PATCH", f"/users/{limited.id}", json={"full_name": "Otro Nombre"})
    assert renamed.status_code == 200
    taken = whole_key.call("PATCH", f"/users/{limited.id}", json={"permissions": []})
    assert taken.status_code == 200
