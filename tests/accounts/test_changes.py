"""Changes of users: administration is never lost, and what happened cannot be rewritten."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support.people import Cast, Person, create_person
from tests.support.threads import together
from webapp.accounts import changes, queries, service
from webapp.accounts.changes import (
    LastAdministrator,
    NoLongerAdministrator,
    OwnAdministration,
    UserChanges,
)
from webapp.accounts.models import User
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Forbidden
from webapp.kernel.permissions import SYSTEM, Permission, Role

DEMOTE = UserChanges(role=Role.SUPERVISOR)
DEACTIVATE = UserChanges(is_active=False)


@pytest.fixture
def administrators(app: Flask) -> list[Person]:
    """Two administrators who are not of the cast; the cast's own is set aside by the tests."""
    return [
        create_person(f"{name}@clinic.test", "Otra Administradora", Role.ADMIN)
        for name in ("one", "two")
    ]


def without(*people: Person) -> None:
    """Take the administration of these people away, past the services."""
    for person in people:
        db.session.execute(
            text(
                "DELETE FROM user_permissions WHERE user_id = :id AND permission_id = "
                "(SELECT id FROM permissions WHERE name = 'admin:access')"
            ),
            {"id": person.id},
        )
    db.session.commit()


@pytest.fixture
def only_two(cast: Cast, administrators: list[Person]):
    """The two are the only administrators, until the test is over."""
    without(cast.admin)
    yield administrators
    db.session.rollback()
    db.session.execute(
        text(
            "INSERT INTO user_permissions (user_id, permission_id) "
            "SELECT :id, id FROM permissions WHERE name = 'admin:access'"
        ),
        {"id": cast.admin.id},
    )
    db.session.commit()


@pytest.mark.parametrize("change", [DEMOTE, DEACTIVATE])
@pytest.mark.parametrize("attempt", range(3))
def test_of_two_administrators_who_demote_each_other_one_is_refused(
    app: Flask, only_two: list[Person], change: UserChanges, attempt: int
):
    one, two = only_two
    results = together(
        app,
        [
            lambda: changes.change_user(actor=one.actor, user_id=two.id, changes=change),
            lambda: changes.change_user(actor=two.actor, user_id=one.id, changes=change),
        ],
    )
    assert [type(result) for result in results if isinstance(result, Conflict)] == [
        LastAdministrator
    ]
    assert sum(isinstance(result, User) for result in results) == 1
    assert [queries.is_administrator(person.id) for person in only_two].count(True) == 1


def test_with_a_third_administrator_one_of_the_two_is_refused_all_the_same(
    app: Flask, cast: Cast, administrators: list[Person]
):
    one, two = administrators
    results = together(
        app,
        [
            lambda: changes.change_user(actor=one.actor, user_id=two.id, changes=DEMOTE),
            lambda: changes.change_user(actor=two.actor, user_id=one.id, changes=DEMOTE),
        ],
    )
    assert sum(isinstance(result, NoLongerAdministrator) for result in results) == 1
    assert sum(isinstance(result, User) for result in results) == 1


def test_nobody_takes_the_last_administrator_away(app: Flask, only_two: list[Person]):
    one, two = only_two
    changes.change_user(actor=one.actor, user_id=two.id, changes=DEACTIVATE)
    with pytest.raises(LastAdministrator):
        changes.change_user(actor=two.actor, user_id=one.id, changes=DEMOTE)
    db.session.rollback()
    with pytest.raises(OwnAdministration):
        changes.change_user(actor=one.actor, user_id=one.id, changes=DEMOTE)
    db.session.rollback()
    assert queries.is_administrator(one.id)


def test_nobody_without_administration_changes_a_user(app: Flask, cast: Cast):
    for person in (cast.cashier, cast.supervisor, cast.integrator):
        with pytest.raises(Forbidden):
            changes.change_user(actor=person.actor, user_id=person.id, changes=DEMOTE)
        with pytest.raises(Forbidden):
            service.create_user(
                actor=person.actor,
                email="made@clinic.test",
                full_name="Hecha Por Otro",
                password="a new password",
                role=Role.ADMIN,
            )
    assert queries.user_by_email("made@clinic.test") is None


def test_a_registration_is_recorded_as_done_by_the_product_itself(app: Flask):
    user = service.create_user(
        actor=SYSTEM,
        email="made@clinic.test",
        full_name="Se Registró Sola",
        password="a new password",
        role=Role.CASHIER,
        permissions=frozenset({Permission.REPORT_READ}),
    )
    (event,) = queries.events_of(user.id)
    assert event.actor_id is None
    assert event.changes == {
        "role": "cashier",
        "is_active": True,
        "permissions": ["report:read"],
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account_events SET action = 'OTHER'",
        "DELETE FROM account_events",
        "TRUNCATE account_events",
    ],
)
def test_the_trail_of_users_cannot_be_rewritten(
    app: Flask, administrators: list[Person], statement: str
):
    with pytest.raises(IntegrityError):
        db.session.execute(text(statement))
    db.session.rollback()
    assert [event.action for event in queries.events_of(administrators[0].id)] == ["CREATED"]


def test_a_granted_permission_names_who_granted_it(app: Flask, cast: Cast):
    person = create_person("someone@clinic.test", "Alguien Más", Role.CASHIER)
    wanted = UserChanges(permissions=frozenset({Permission.REPORT_READ}))
    changes.change_user(actor=cast.admin.actor, user_id=person.id, changes=wanted)
    granted = db.session.execute(
        text("SELECT granted_by FROM user_permissions WHERE user_id = :id"), {"id": person.id}
    )
    assert granted.scalars().all() == [cast.admin.id]
