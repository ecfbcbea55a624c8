"""A page, or a program, that read a user before somebody else changed them saves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.support.pages import Browser, Page
from tests.support.people import Cast, Person, create_person
from tests.support.programs import Program
from webapp.accounts import changes, queries
from webapp.accounts.changes import UserChanges
from webapp.kernel.permissions import ROLE_PERMISSIONS, Permission, Role

SUPERVISING = ROLE_PERMISSIONS[Role.SUPERVISOR]
LESS = SUPERVISING - {Permission.TRANSACTION_REVIEW, Permission.TRANSACTION_DELETE}


@pytest.fixture
def newcomer(app: Flask) -> Person:
    """A supervisor who is not of the cast, so that a test may change them."""
    return create_person("newcomer@clinic.test", "Nueva Persona", Role.SUPERVISOR)


def url_of(person: Person) -> str:
    return f"/admin/users/{person.id}"


def take_review_away(cast: Cast, person: Person) -> None:
    """Somebody else takes two permissions away."""
    changes.change_user(
        actor=cast.admin.actor, user_id=person.id, changes=UserChanges(permissions=LESS)
    )


def save_as_shown(browser: Browser, page: Page, url: str, **sent: Any) -> Page:
    """Send a form of a page that was opened earlier."""
    hidden = {name: page.inputs[name] for name in ("csrf_token", "version")}
    return Page(browser._send("post", url, data={**hidden, **sent}))


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ("permissions", {"permissions": sorted(SUPERVISING)}),
        ("permissions", {"preset": "1"}),
        ("details", {"full_name": "Otro Nombre", "role": "supervisor"}),
        ("activity", {"is_active": "false"}),
        ("password", {"password": "another password"}),
    ],
)
def test_a_page_opened_before_a_revocation_saves_nothing_after_it(
    app: Flask, cast: Cast, admin: Browser, newcomer: Person, action: str, sent: dict[str, Any]
):
    opened = admin.get(url_of(newcomer))
    take_review_away(cast, newcomer)
    page = save_as_shown(admin, opened, f"{url_of(newcomer)}/{action}", **sent).insist()
    assert page.status == 409
    assert "Este usuario cambió después de que usted abrió la página" in page.text
    assert queries.permissions_now({newcomer.id}) == LESS
    # What is shown now is how the user stands, so that saving it again brings nothing back.
    shown = {
        given["value"]
        for tag, given in page.tags
        if tag == "input"
        and given.get("id", "").startswith("user-permissions")
        and "checked" in given
    }
    assert shown == set(LESS)
    again = save_as_shown(admin, page, f"{url_of(newcomer)}/permissions", permissions=sorted(shown))
    assert again.status == 303


@pytest.mark.parametrize("version", [None, "", "1-000000000000"])
def test_a_form_without_the_version_that_it_showed_saves_nothing(
    app: Flask, admin: Browser, newcomer: Person, version: str | None
):
    token = admin.get(url_of(newcomer)).inputs["csrf_token"]
    data = {"csrf_token": token, "is_active": "false"}
    if version is not None:
        data["version"] = version
    answer = admin._send("post", f"{url_of(newcomer)}/activity", data=data)
    assert answer.status_code == 409
    assert queries.find_user(newcomer.id).is_active


def test_a_program_changes_the_user_that_it_read_and_no_other_state(
    app: Flask, cast: Cast, newcomer: Person
):
    program, path = Program(app, cast.admin), f"/users/{newcomer.id}"
    read = program.get(path).headers["ETag"]
    first = program.call(
        "PATCH", path, json={"full_name": "Primera Vez"}, headers={"If-Match": read}
    )
    assert first.status_code == 200
    assert first.headers["ETag"] not in ("", read)
    second = program.call(
        "PATCH", path, json={"full_name": "Segunda Vez"}, headers={"If-Match": read}
    )
    assert (second.status_code, second.get_json()["code"]) == (412, "version_mismatch")
    assert "El usuario cambió desde que lo leyó" in second.get_json()["detail"]
    gone = program.call("DELETE", path, headers={"If-Match": read})
    assert gone.status_code == 412
    for headers in ({"If-Match": first.headers["ETag"]}, {"If-Match": "*"}, {}):
        name = {"full_name": f"Otra Vez {len(headers)}"}
        assert program.call("PATCH", path, json=name, headers=headers).status_code == 200
    assert queries.find_user(newcomer.id).is_active


def test_the_etag_changes_with_what_the_user_may_do_and_not_by_reading(
    app: Flask, cast: Cast, newcomer: Person
):
    program, path = Program(app, cast.admin), f"/users/{newcomer.id}"
    before = program.get(path).headers["ETag"]
    Program(app, newcomer)  # signs in, so that they were seen
    assert program.get(path).headers["ETag"] == before
    take_review_away(cast, newcomer)
    assert program.get(path).headers["ETag"] != before
