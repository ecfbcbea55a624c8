"""Keys for programs: shown once, limited in scope and time, and revoked at once."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.bank import FakeGateway
from tests.support.people import Cast, Person, create_person
from tests.support.programs import Program, payment
from webapp.accounts import api_keys, changes, queries
from webapp.accounts.api_keys import IssuedKey
from webapp.accounts.changes import UserChanges
from webapp.accounts.models import ApiKey
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.permissions import SYSTEM, Permission, Role

READ = Permission.TRANSACTION_READ
CREATE = Permission.TRANSACTION_CREATE


@pytest.fixture
def administrator(app: Flask, cast: Cast) -> Program:
    """Return a program with the administrator's token."""
    return Program(app, cast.admin)


@pytest.fixture
def machine_user(app: Flask, bank: FakeGateway) -> Person:
    """Create the user as whom a program acts; not one of the cast, so that a test may change them."""
    return create_person("lab@clinic.test", "Sistema Laboratorio", Role.INTEGRATOR)


def issued(person: Person, **changes: Any) -> IssuedKey:
    return api_keys.issue(actor=SYSTEM, user_id=person.id, **{"name": "Laboratorio", **changes})


def machine(app: Flask, secret: str) -> Program:
    program = Program(app)
    program.token = secret
    return program


def kept(key: ApiKey) -> ApiKey:
    db.session.expire_all()
    return db.session.get_one(ApiKey, key.id)


def test_a_key_is_shown_once_and_opens_the_api(
    app: Flask, administrator: Program, machine_user: Person
) -> None:
    path = f"/users/{machine_user.id}/api-keys"
    made = administrator.post(path, {"name": " Laboratorio  central "})
    assert made.status_code == 201
    shown = made.get_json()
    secret = shown.pop("key")
    assert secret.startswith(f"{shown['prefix']}_") and shown["prefix"].startswith("amp_")
    assert shown["name"] == "Laboratorio central"
    year = datetime.fromisoformat(shown["expires_at"]) - clock.now()
    assert timedelta(days=364) < year < timedelta(days=366)
    listed = administrator.get(path)
    assert listed.get_json()["items"] == [shown]
    assert secret not in listed.text
    me = machine(app, secret).get("/auth/me").get_json()
    assert me["email"] == machine_user.email
    assert me["permissions"] == sorted(machine_user.actor.permissions)


def test_a_whole_number_of_days_may_be_written_as_30_or_30_0(
    administrator: Program, machine_user: Person
) -> None:
    path = f"/users/{machine_user.id}/api-keys"
    made = administrator.post(path, {"name": "a", "expires_in_days": 30.0}).get_json()
    days = datetime.fromisoformat(made["expires_at"]) - clock.now()
    assert timedelta(days=29) < days < timedelta(days=31)
    for wrong in (30.5, "30", True, 1e300, 0):
        refused = administrator.post(path, {"name": "b", "expires_in_days": wrong})
        assert refused.status_code == 422
        assert refused.get_json()["errors"][0]["field"] == "expires_in_days"


def test_the_key_is_nowhere_in_the_database(app: Flask, machine_user: Person) -> None:
    secret = issued(machine_user).secret
    random_part = secret.split("_", 2)[2]
    for table in ("api_keys", "account_events", "user_sessions", "refresh_tokens"):
        rows = db.session.execute(text(f"SELECT t::text FROM {table} t")).scalars().all()
        assert not [row for row in rows if random_part in row]


def test_payments_logged_with_a_key_belong_to_its_user_and_are_external(
    app: Flask, machine_user: Person
) -> None:
    program = machine(app, issued(machine_user).secret)
    created = program.post("/transactions", payment())
    assert created.status_code == 201
    path = f"/transactions/{created.get_json()['transaction_id']}/events"
    first = program.get(path).get_json()["items"][0]
    assert (first["actor_type"], first["actor_id"]) == ("EXTERNAL", str(machine_user.id))


def test_a_key_may_do_what_both_it_and_its_user_may(
    app: Flask, cast: Cast, machine_user: Person
) -> None:
    key = issued(machine_user, permissions=frozenset({READ, CREATE}))
    program = machine(app, key.secret)
    one = program.post("/transactions", payment()).get_json()["transaction_id"]
    assert program.call("PATCH", f"/transactions/{one}", json={}).status_code == 403
    less = UserChanges(permissions=frozenset({READ, Permission.REPORT_READ}))
    changes.change_user(actor=cast.admin.actor, user_id=machine_user.id, changes=less)
    assert program.get("/auth/me").get_json()["permissions"] == ["transaction:read"]
    assert program.post("/transactions", payment()).status_code == 403
    assert program.get("/transactions").status_code == 200


def test_a_key_for_reading_does_not_administrate(app: Flask, cast: Cast) -> None:
    key = issued(cast.admin, permissions=frozenset({READ}))
    program = machine(app, key.secret)
    assert program.get("/users").status_code == 403
    answer = program.post(f"/users/{cast.admin.id}/api-keys", {"name": "Más"})
    assert answer.status_code == 403


def end_by_revoking(cast: Cast, key: ApiKey) -> None:
    api_keys.revoke(actor=cast.admin.actor, user_id=key.user_id, key_id=key.id)


def end_by_expiry(cast: Cast, key: ApiKey) -> None:
    row = db.session.get_one(ApiKey, key.id)
    row.created_at = clock.now() - timedelta(days=2)
    row.expires_at = clock.now() - timedelta(seconds=1)
    db.session.commit()


def end_by_deactivation(cast: Cast, key: ApiKey) -> None:
    changes.change_user(
        actor=cast.admin.actor, user_id=key.user_id, changes=UserChanges(is_active=False)
    )


@pytest.mark.parametrize("end", [end_by_revoking, end_by_expiry, end_by_deactivation])
def test_an_expired_or_revoked_key_is_refused(
    app: Flask, cast: Cast, machine_user: Person, end: Any
) -> None:
    key = issued(machine_user)
    program = machine(app, key.secret)
    assert program.get("/auth/me").status_code == 200
    end(cast, key.key)
    refused = program.get("/auth/me")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_altered_key_is_refused(app: Flask, machine_user: Person) -> None:
    secret = issued(machine_user).secret
    last = "A" if secret[-1] != "A" else "B"
    for other in (secret[:-1], secret[:-1] + last, secret + "A", secret.upper(), secret[4:]):
        assert machine(app, other).get("/auth/me").status_code == 401


def test_a_new_password_ends_sessions_and_not_keys(
    app: Flask, cast: Cast, machine_user: Person
) -> None:
    program = machine(app, issued(machine_user).secret)
    new = UserChanges(password="another long password")
    changes.change_user(actor=cast.admin.actor, user_id=machine_user.id, changes=new)
    assert program.get("/auth/me").status_code == 200


def test_the_last_use_is_recorded_to_the_minute(app: Flask, machine_user: Person) -> None:
    key = issued(machine_user)
    assert key.key.last_used_at is None
    program = machine(app, key.secret)
    program.get("/auth/me")
    first = kept(key.key).last_used_at
    assert first is not None
    program.get("/auth/me")
    assert kept(key.key).last_used_at == first
    row = kept(key.key)
    row.last_used_at = earlier = first - timedelta(minutes=2)
    db.session.commit()
    program.get("/auth/me")
    used = kept(key.key).last_used_at
    assert used is not None and used > earlier
    assert queries.last_seen(machine_user.id) == used


def test_a_key_cannot_sign_out(app: Flask, machine_user: Person) -> None:
    program = machine(app, issued(machine_user).secret)
    refused = program.call("POST", "/auth/logout")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "key_has_no_session")
    assert program.get("/auth/me").status_code == 200


def test_a_key_opens_no_page(app: Flask, machine_user: Person) -> None:
    headers = {"Authorization": f"Bearer {issued(machine_user).secret}"}
    answer = app.test_client().get("/transactions", headers=headers)
    assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name"}),
        ({"name": "  "}, {"name"}),
        ({"name": "a\x00b"}, {"name"}),
        ({"name": "\ud800"}, {"name"}),
        ({"name": "x" * 101}, {"name"}),
        ({"name": 1}, {"name"}),
        ({"name": "x", "permissions": []}, {"permissions"}),
        ({"name": "x", "permissions": ["admin:access"]}, {"permissions"}),
        ({"name": "x", "permissions": ["root"]}, {"permissions.0"}),
        ({"name": "x", "permissions": "transaction:read"}, {"permissions"}),
        ({"name": "x", "expires_in_days": 0}, {"expires_in_days"}),
        ({"name": "x", "expires_in_days": 1096}, {"expires_in_days"}),
        ({"name": "x", "expires_in_days": 10**30}, {"expires_in_days"}),
        ({"name": "x", "expires_in_days": True}, {"expires_in_days"}),
        ({"name": "x", "expires_in_days": "30"}, {"expires_in_days"}),
        ({"name": "x", "expires_in_days": None}, {"expires_in_days"}),
        ({"name": "x", "prefix": "amp_x"}, {"prefix"}),
    ],
)
def test_wrong_fields_of_a_new_key_are_refused_by_name(
    administrator: Program, machine_user: Person, body: dict[str, Any], fields: set[str]
) -> None:
    refused = administrator.post(f"/users/{machine_user.id}/api-keys", body)
    assert refused.status_code == 422
    assert {error["field"] for error in refused.get_json()["errors"]} == fields


def test_a_name_is_free_again_once_its_key_is_revoked(
    administrator: Program, machine_user: Person
) -> None:
    path = f"/users/{machine_user.id}/api-keys"
    first = administrator.post(path, {"name": "Laboratorio"}).get_json()
    refused = administrator.post(path, {"name": "Laboratorio"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "key_name_taken")
    for _ in range(2):
        assert administrator.call("DELETE", f"{path}/{first['id']}").status_code == 204
    assert administrator.post(path, {"name": "Laboratorio"}).status_code == 201
    assert [bool(key["revoked_at"]) for key in administrator.get(path).get_json()["items"]] == [
        False,
        True,
    ]
    actions = [event.action for event in queries.events_of(machine_user.id)]
    assert actions == ["KEY_CREATED", "KEY_REVOKED", "KEY_CREATED", "CREATED"]


def test_a_key_is_revoked_under_its_own_user_only(
    administrator: Program, cast: Cast, machine_user: Person
) -> None:
    key = issued(machine_user).key
    for user_id, key_id in ((cast.cashier.id, key.id), (machine_user.id, uuid.uuid4())):
        answer = administrator.call("DELETE", f"/users/{user_id}/api-keys/{key_id}")
        assert answer.status_code == 404
    assert kept(key).revoked_at is None


def test_the_keys_of_an_unknown_user_are_not_found(administrator: Program) -> None:
    path = f"/users/{uuid.uuid4()}/api-keys"
    assert administrator.get(path).status_code == 404
    assert administrator.post(path, {"name": "x"}).status_code == 404
