"""Administrators' programs manage users."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask import Flask

from tests.support.counting import counted_statements
from tests.support.people import PASSWORD, Cast, Person, create_person
from tests.support.programs import Program
from webapp.accounts import queries
from webapp.kernel.permissions import ROLE_PERMISSIONS, Permission, Role

CASHIERS = ["transaction:create", "transaction:read"]


@pytest.fixture
def administrator(app: Flask, cast: Cast) -> Program:
    """Return a program with the administrator's token."""
    return Program(app, cast.admin)


@pytest.fixture
def newcomer(app: Flask) -> Person:
    """Create a user who is not one of the cast, so that a test may change them."""
    return create_person("newcomer@clinic.test", "Nueva Persona", Role.CASHIER)


def new_user(**changes: Any) -> dict[str, Any]:
    return {
        "email": "nueva@clinic.test",
        "full_name": "Nueva Persona",
        "password": "a new password",
        "role": "cashier",
        **changes,
    }


def sign_in_status(app: Flask, email: str, password: str) -> int:
    answer = Program(app).post("/auth/login", {"email": email, "password": password})
    return answer.status_code


def test_a_created_user_signs_in_with_the_roles_permissions(
    app: Flask, cast: Cast, administrator: Program
) -> None:
    created = administrator.post(
        "/users", new_user(national_id="v-12.345.678", phone_number="0412-1234567")
    )
    assert created.status_code == 201
    user = created.get_json()
    assert user["permissions"] == CASHIERS
    assert (user["national_id"], user["phone_number"]) == ("V12345678", "04121234567")
    assert user["last_seen_at"] is None
    assert "password" not in created.text
    assert sign_in_status(app, user["email"], "a new password") == 200
    shown = administrator.get(created.headers["Location"].removeprefix("/api/v1")).get_json()
    assert shown["last_seen_at"] is not None
    (event,) = queries.events_of(uuid.UUID(user["id"]))
    assert (event.action, event.actor_id) == ("CREATED", cast.admin.id)
    assert "a new password" not in str(event.changes)


def test_permissions_can_be_chosen_and_a_user_can_wait_inactive(
    app: Flask, administrator: Program
) -> None:
    sent = new_user(permissions=["report:read", "report:read"], is_active=False)
    user = administrator.post("/users", sent).get_json()
    assert (user["permissions"], user["is_active"]) == (["report:read"], False)
    assert sign_in_status(app, user["email"], "a new password") == 401


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"email": "nonsense"}, {"email"}),
        ({"email": "a\x00@clinic.test"}, {"email"}),
        ({"email": None}, {"email"}),
        ({"full_name": "x"}, {"full_name"}),
        ({"full_name": "a\x00b"}, {"full_name"}),
        ({"full_name": "\ud800\ud800"}, {"full_name"}),
        ({"password": "short"}, {"password"}),
        ({"password": "a\x00password"}, {"password"}),
        ({"role": "root"}, {"role"}),
        ({"role": 1}, {"role"}),
        ({"role": None}, {"role"}),
        ({"permissions": "admin:access"}, {"permissions"}),
        ({"permissions": ["root"]}, {"permissions.0"}),
        ({"is_active": "yes"}, {"is_active"}),
        ({"is_active": 1}, {"is_active"}),
        ({"national_id": "12"}, {"national_id"}),
        ({"phone_number": "٠٤١٢١٢٣٤٥٦٧"}, {"phone_number"}),
        ({"id": "x"}, {"id"}),
    ],
)
def test_wrong_fields_of_a_new_user_are_refused_by_name(
    administrator: Program, changes: dict[str, Any], fields: set[str]
) -> None:
    refused = administrator.post("/users", new_user(**changes))
    assert refused.status_code == 422
    assert {error["field"] for error in refused.get_json()["errors"]} == fields


@pytest.mark.parametrize("name", ["report:read", "root"])
@pytest.mark.parametrize(
    ("method", "path", "others"),
    [("POST", "/users", new_user()), ("PATCH", "/users/{}", {}), ("POST", "/users/{}/api-keys", {"name": "HIS"})],
)  # fmt: skip
def test_a_list_of_permissions_is_read_no_further_than_fifty(
    administrator: Program,
    newcomer: Person,
    method: str,
    path: str,
    others: dict[str, Any],
    name: str,
) -> None:
    body = {**others, "permissions": [name] * 1000}
    refused = administrator.call(method, path.format(newcomer.id), json=body)
    assert refused.status_code == 422
    (mistake,) = refused.get_json()["errors"]
    assert (mistake["field"], mistake["code"]) == ("permissions", "too_many")


def test_an_email_is_used_once(cast: Cast, administrator: Program) -> None:
    refused = administrator.post("/users", new_user(email=cast.cashier.email.upper()))
    assert (refused.status_code, refused.get_json()["code"]) == (409, "email_taken")


def test_the_list_is_sorted_by_name_in_pages(cast: Cast, administrator: Program) -> None:
    whole = administrator.get("/users").get_json()
    names = [item["full_name"] for item in whole["items"]]
    assert sorted(names, key=str.lower) == names
    assert (whole["total"], whole["page"], whole["size"], whole["pages"]) == (6, 1, 20, 1)
    second = administrator.get("/users?page=2&size=4").get_json()
    assert [item["full_name"] for item in second["items"]] == names[4:]
    assert (second["page"], second["pages"]) == (2, 2)
    assert administrator.get("/users?offset=4&limit=4").get_json()["items"] == second["items"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=rondón", {"cashier"}),
        ("q=SUPERVISOR@", {"supervisor"}),
        ("q=%25", set()),
        ("q=_", set()),
        ("role=cashier", {"cashier", "other_cashier"}),
        ("role=integrator&is_active=true", {"integrator"}),
        ("role=integrator&is_active=false", set()),
        ("q=&role=admin&is_active=", {"admin"}),
    ],
)
def test_filters_narrow_the_list(
    cast: Cast, administrator: Program, query: str, found: set[str]
) -> None:
    page = administrator.get(f"/users?{query}").get_json()
    assert {item["email"] for item in page["items"]} == {
        getattr(cast, name).email for name in found
    }
    assert page["total"] == len(found)


@pytest.mark.parametrize(
    "query",
    ["role=root", "is_active=perhaps", "q=%00", f"q={'x' * 300}", "page=0", "size=101", "page=٣"],
)
def test_a_wrong_filter_is_refused(administrator: Program, query: str) -> None:
    assert administrator.get(f"/users?{query}").status_code == 422


def test_a_longer_list_needs_no_more_statements(app: Flask, administrator: Program) -> None:
    with app.app_context():
        administrator.get("/users")
        with counted_statements() as before:
            administrator.get("/users")
        for number in range(6):
            create_person(f"more{number}@clinic.test", "Una Más", Role.CASHIER)
        with counted_statements() as after:
            assert administrator.get("/users").get_json()["total"] == 12
    assert len(after) == len(before)


def test_a_role_brings_its_permissions_unless_others_are_given(
    administrator: Program, newcomer: Person
) -> None:
    path = f"/users/{newcomer.id}"
    changed = administrator.call("PATCH", path, json={"role": "supervisor"}).get_json()
    assert changed["permissions"] == sorted(ROLE_PERMISSIONS[Role.SUPERVISOR])
    both = {"role": "cashier", "permissions": ["report:read"]}
    changed = administrator.call("PATCH", path, json=both).get_json()
    assert (changed["role"], changed["permissions"]) == ("cashier", ["report:read"])
    changed = administrator.call("PATCH", path, json={"full_name": " Otro  Nombre "}).get_json()
    assert changed["full_name"] == "Otro Nombre"
    assert changed["permissions"] == ["report:read"]
    noted = [event.changes for event in queries.events_of(newcomer.id)]
    assert noted[0] == {"full_name": ["Nueva Persona", "Otro Nombre"]}
    assert noted[1] == {
        "role": ["supervisor", "cashier"],
        "permissions": [sorted(ROLE_PERMISSIONS[Role.SUPERVISOR]), ["report:read"]],
    }


def test_a_registered_user_is_approved_with_one_change(app: Flask, administrator: Program) -> None:
    body = {"email": "self@clinic.test", "password": "a new password", "full_name": "Yo Misma"}
    registered = Program(app).post("/auth/register", body).get_json()
    approval = {"is_active": True, "role": "cashier"}
    approved = administrator.call("PATCH", f"/users/{registered['id']}", json=approval)
    assert approved.get_json()["permissions"] == CASHIERS
    assert sign_in_status(app, "self@clinic.test", "a new password") == 200


def test_a_new_password_replaces_the_old_one_and_is_not_recorded(
    app: Flask, administrator: Program, newcomer: Person
) -> None:
    body = {"password": "another password"}
    answer = administrator.call("PATCH", f"/users/{newcomer.id}", json=body)
    assert answer.status_code == 200
    assert sign_in_status(app, newcomer.email, PASSWORD) == 401
    assert sign_in_status(app, newcomer.email, "another password") == 200
    assert "another password" not in str([e.changes for e in queries.events_of(newcomer.id)])


def test_white_space_belongs_to_a_new_password(
    app: Flask, administrator: Program, newcomer: Person
) -> None:
    spaced = "  with blanks around  "
    path = f"/users/{newcomer.id}"
    assert administrator.call("PATCH", path, json={"password": spaced}).status_code == 200
    assert sign_in_status(app, newcomer.email, spaced) == 200
    assert sign_in_status(app, newcomer.email, spaced.strip()) == 401


@pytest.mark.parametrize(
    "body",
    [
        {"role": None},
        {"permissions": None},
        {"is_active": None},
        {"full_name": None},
        {"password": "short"},
        {"full_name": "a\x00b"},
        {"permissions": {"admin:access": True}},
        {"email": "other@clinic.test"},
        {"is_active": "false"},
    ],
)
def test_a_wrong_change_is_refused(
    administrator: Program, newcomer: Person, body: dict[str, Any]
) -> None:
    before = administrator.get(f"/users/{newcomer.id}").get_json()
    refused = administrator.call("PATCH", f"/users/{newcomer.id}", json=body)
    assert refused.status_code == 422
    assert administrator.get(f"/users/{newcomer.id}").get_json() == before


def test_nothing_to_change_changes_nothing(
    app: Flask, administrator: Program, newcomer: Person
) -> None:
    program = Program(app, newcomer)
    same = {"role": "cashier", "is_active": True, "full_name": newcomer.full_name}
    for body in ({}, same):
        assert administrator.call("PATCH", f"/users/{newcomer.id}", json=body).status_code == 200
    assert program.get("/auth/me").status_code == 200
    assert [event.action for event in queries.events_of(newcomer.id)] == ["CREATED"]


def test_deleting_deactivates_and_can_be_repeated(
    app: Flask, administrator: Program, newcomer: Person
) -> None:
    for _ in range(2):
        assert administrator.call("DELETE", f"/users/{newcomer.id}").status_code == 204
    assert administrator.get(f"/users/{newcomer.id}").get_json()["is_active"] is False
    assert sign_in_status(app, newcomer.email, PASSWORD) == 401
    actions = [event.action for event in queries.events_of(newcomer.id)]
    assert actions == ["CHANGED", "CREATED"]


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", {"is_active": False}),
        ("PATCH", {"role": "supervisor"}),
        ("PATCH", {"role": "supervisor", "permissions": [p.value for p in Permission]}),
        ("PATCH", {"permissions": ["transaction:read"]}),
        ("DELETE", None),
    ],
)
def test_administrators_cannot_remove_their_own_administration(
    cast: Cast, administrator: Program, method: str, body: dict[str, Any] | None
) -> None:
    sent = {"json": body} if body else {}
    refused = administrator.call(method, f"/users/{cast.admin.id}", **sent)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "own_administration")
    me = administrator.get("/auth/me").get_json()
    assert (me["role"], len(me["permissions"])) == ("admin", len(Permission))


@pytest.mark.parametrize("user_id", [uuid.uuid4(), "1", "me", "%00"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_user_is_not_found(administrator: Program, method: str, user_id: object) -> None:
    sent: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
    assert administrator.call(method, f"/users/{user_id}", **sent).status_code == 404
