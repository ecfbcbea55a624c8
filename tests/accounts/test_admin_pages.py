"""The administration's pages: users, what they may do, and keys for programs."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from flask import Flask

from tests.support.pages import Browser, Page
from tests.support.people import PASSWORD, Cast, Person, create_person
from tests.support.programs import Program
from webapp.accounts import api_keys, queries
from webapp.accounts.models import ApiKey, User
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.permissions import ROLE_PERMISSIONS, SYSTEM, Permission, Role

NEW = {
    "full_name": "Nueva Persona",
    "email": "nueva@clinic.test",
    "role": "supervisor",
    "password": "a new password",
}


@pytest.fixture
def newcomer(app: Flask) -> Person:
    """Somebody who is not of the cast, so that a test may change them."""
    return create_person("newcomer@clinic.test", "Nueva Persona", Role.CASHIER)


def page_of(person: Person) -> str:
    return f"/admin/users/{person.id}"


def fresh(person: Person) -> User:
    db.session.expire_all()
    return queries.find_user(person.id)


def checked(page: Page, prefix: str) -> set[str]:
    """Values of the check boxes that are ticked, of the group whose ids begin so."""
    return {
        given["value"]
        for tag, given in page.tags
        if tag == "input" and given.get("id", "").startswith(prefix) and "checked" in given
    }


def test_only_administrators_find_the_users_in_the_menu(
    admin: Browser, supervisor: Browser, cashier: Browser
):
    assert "/admin/users" in admin.get("/").links
    for other in (supervisor, cashier):
        assert "/admin/users" not in other.get("/").links
        refused = other.get("/admin/users")
        assert refused.status == 403
        assert "Su usuario no tiene permiso" in refused.text


def test_the_list_shows_role_activity_and_when_somebody_was_seen(
    cast: Cast, admin: Browser, newcomer: Person
):
    page = admin.get("/admin/users")
    assert "7 usuarios" in page.text
    assert f"{newcomer.full_name} {newcomer.email} Caja Activo Nunca" in page.text
    assert re.search(rf"{cast.admin.email} Administración Activo \d\d/\d\d/\d{{4}}", page.text)
    assert page_of(newcomer) in page.links


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=rondón", {"Carmen Rondón"}),
        ("role=supervisor", {"Beatriz Márquez", "Omar Landaeta"}),
        ("is_active=false", set()),
        ("q=<script>", set()),
    ],
)
def test_the_list_can_be_narrowed(cast: Cast, admin: Browser, query: str, names: set[str]):
    page = admin.get(f"/admin/users?{query}")
    found = {p.full_name for p in cast.everybody if p.email in page.text}
    assert found == names
    if not names:
        assert "Nadie coincide con estos filtros" in page.text


@pytest.mark.parametrize("query", ["role=root", "is_active=perhaps", "q=%00", f"q={'x' * 300}"])
def test_a_filter_that_makes_no_sense_shows_nobody(cast: Cast, admin: Browser, query: str):
    page = admin.get(f"/admin/users?{query}").insist()
    assert page.status == 422
    assert cast.cashier.email not in page.text


@pytest.mark.parametrize("number", ["0", "-1", "x", "999999999999", "2"])
def test_any_page_number_is_answered(admin: Browser, number: str):
    assert admin.get(f"/admin/users?page={number}").status == 200


def test_a_long_list_has_pages_and_htmx_gets_the_rows_alone(app: Flask, admin: Browser):
    for number in range(21):
        create_person(f"more{number:02}@clinic.test", f"Zoila {'A' * (number + 1)}", Role.CASHIER)
    first = admin.get("/admin/users")
    assert "Página 1 de 2" in first.text
    second = next(link for link in first.links if "page=2" in link)
    part = admin.get(second, htmx=True)
    assert "<h1" not in part.source
    assert "more20@clinic.test" in part.text
    assert "more20@clinic.test" not in first.text


def test_a_new_user_is_created_and_signs_in(app: Flask, admin: Browser):
    answer = admin.post("/admin/users/new", NEW, form="/admin/users/new")
    assert answer.status == 303
    shown = admin.follow(answer)
    assert "Nueva Persona ya puede entrar." in shown.text
    assert checked(shown, "user-") == set(ROLE_PERMISSIONS[Role.SUPERVISOR])
    signed_in = Browser(app).post(
        "/login", {"email": NEW["email"], "password": NEW["password"]}, form="/login"
    )
    assert signed_in.status == 303


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"email": "nonsense"}, "Escriba un correo como"),
        ({"email": ""}, "Escriba un correo como"),
        ({"email": "a\x00b@clinic.test"}, "Escriba un correo como"),
        ({"full_name": ""}, "Escriba el nombre y el apellido"),
        ({"full_name": "a\x00b"}, "Escriba el nombre y el apellido"),
        ({"password": "short"}, "La contraseña debe tener entre"),
        ({"password": ""}, "Escriba la contraseña nueva."),
        ({"role": "root"}, "Elija una de las opciones."),
        ({"role": ""}, "Elija una de las opciones."),
        ({"email": "cashier@clinic.test"}, "Ya existe un usuario con ese correo."),
    ],
)
def test_a_new_user_with_wrong_fields_is_refused_and_what_was_typed_stays(
    cast: Cast, admin: Browser, changes: dict[str, str], sentence: str
):
    sent = {**NEW, **changes}
    page = admin.post("/admin/users/new", sent, form="/admin/users/new").insist()
    assert page.status in (409, 422)
    assert sentence in page.text
    if "email" not in changes:
        assert page.inputs["email"] == sent["email"]
    assert NEW["password"] not in page.source
    assert queries.user_by_email("nueva@clinic.test") is None


def test_another_role_brings_its_permissions_and_ends_the_sessions(
    app: Flask, admin: Browser, newcomer: Person
):
    browser = Browser(app).sign_in(newcomer)
    sent = {"full_name": "Otro Nombre", "role": "supervisor"}
    answer = admin.post(f"{page_of(newcomer)}/details", sent, form=page_of(newcomer))
    page = admin.follow(answer)
    assert "Los cambios quedaron guardados." in page.text
    assert "Cambió: nombre, rol, permisos" in page.text
    assert checked(page, "user-") == set(ROLE_PERMISSIONS[Role.SUPERVISOR])
    assert browser.get("/transactions").status == 303


def test_a_new_name_alone_leaves_chosen_permissions(app: Flask, admin: Browser, newcomer: Person):
    chosen = {"permissions": ["report:read", "transaction:read"]}
    admin.post(f"{page_of(newcomer)}/permissions", chosen, form=page_of(newcomer))
    sent = {"full_name": "Otro Nombre", "role": "cashier"}
    admin.post(f"{page_of(newcomer)}/details", sent, form=page_of(newcomer))
    page = admin.get(page_of(newcomer))
    assert checked(page, "user-") == {"report:read", "transaction:read"}
    preset = {**chosen, "preset": "1"}
    admin.post(f"{page_of(newcomer)}/permissions", preset, form=page_of(newcomer))
    assert checked(admin.get(page_of(newcomer)), "user-") == set(ROLE_PERMISSIONS[Role.CASHIER])


def test_all_permissions_can_be_taken_and_the_page_warns(admin: Browser, newcomer: Person):
    answer = admin.post(f"{page_of(newcomer)}/permissions", {}, form=page_of(newcomer))
    page = admin.follow(answer)
    assert "Este usuario no tiene permisos" in page.text
    assert fresh(newcomer).permissions == frozenset()


def test_a_permission_that_is_none_is_refused(admin: Browser, newcomer: Person):
    sent = {"permissions": ["root"]}
    page = admin.post(f"{page_of(newcomer)}/permissions", sent, form=page_of(newcomer)).insist()
    assert page.status == 422
    assert "Elija una de las opciones." in page.text
    assert fresh(newcomer).permissions == ROLE_PERMISSIONS[Role.CASHIER]


def test_deactivating_ends_the_sessions_and_activating_lets_in_again(
    app: Flask, admin: Browser, newcomer: Person
):
    browser = Browser(app).sign_in(newcomer)
    url = f"{page_of(newcomer)}/activity"
    page = admin.follow(admin.post(url, {"is_active": "false"}, form=page_of(newcomer)))
    assert "Este usuario está inactivo" in page.text
    assert "Cambió: desactivado" in page.text
    assert browser.get("/transactions").status == 303
    page = admin.follow(admin.post(url, {"is_active": "true"}, form=page_of(newcomer)))
    assert "Este usuario está inactivo" not in page.text
    Browser(app).sign_in(newcomer)


def test_a_new_password_is_never_shown(app: Flask, admin: Browser, newcomer: Person):
    url = f"{page_of(newcomer)}/password"
    refused = admin.post(url, {"password": "short"}, form=page_of(newcomer)).insist()
    assert refused.status == 422
    assert "La contraseña debe tener entre" in refused.text
    answer = admin.post(url, {"password": "another password"}, form=page_of(newcomer))
    assert "another password" not in admin.follow(answer).source
    Browser(app).sign_in(newcomer, "another password")
    old = Browser(app).post(
        "/login", {"email": newcomer.email, "password": PASSWORD}, form="/login"
    )
    assert old.status == 401


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ("activity", {"is_active": "false"}),
        ("details", {"full_name": "Andrés Ibarra", "role": "cashier"}),
        ("permissions", {"permissions": ["transaction:read"]}),
    ],
)
def test_administrators_cannot_shut_themselves_out(
    cast: Cast, admin: Browser, action: str, sent: dict[str, str]
):
    page = admin.post(f"{page_of(cast.admin)}/{action}", sent, form=page_of(cast.admin)).insist()
    assert page.status == 409
    assert "debe hacerlo otra persona" in page.text
    assert admin.get("/admin/users").status == 200
    assert fresh(cast.admin).permissions == frozenset(Permission)


def test_a_key_is_shown_once_opens_the_api_and_is_revoked(
    app: Flask, admin: Browser, newcomer: Person
):
    sent = {"name": "Laboratorio", "expires_in_days": "90", "permissions": ["transaction:read"]}
    made = admin.post(f"{page_of(newcomer)}/api-keys", sent, form=page_of(newcomer)).insist()
    assert made.status == 201
    assert made.response.headers["Cache-Control"] == "no-store"
    secret = re.search(r"amp_[0-9a-f]+_[\w-]{43}", made.source)
    assert secret
    program = Program(app)
    program.token = secret[0]
    assert program.get("/auth/me").get_json()["permissions"] == ["transaction:read"]
    db.session.expire_all()
    page = admin.get(page_of(newcomer))
    (key,) = queries.keys_of(newcomer.id)
    assert secret[0] not in page.source
    assert f"Laboratorio {key.prefix}_… Ver pagos y consultar a Banesco" in page.text
    assert re.search(r"Vence el \d\d/\d\d/\d{4} .* Último uso: \d\d/\d\d/\d{4}", page.text)
    assert "Llave creada: Laboratorio" in page.text
    revoke = f"{page_of(newcomer)}/api-keys/{key.id}/revoke"
    page = admin.follow(admin.post(revoke, {}, form=page_of(newcomer)))
    assert "La llave ya no abre nada." in page.text
    assert "Revocada el" in page.text
    assert program.get("/auth/me").status_code == 401


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "Escriba un nombre que diga quién usará la llave"),
        ({"name": "a\x00b"}, "Escriba un nombre que diga quién usará la llave"),
        ({"permissions": []}, "Elija al menos un permiso."),
        ({"permissions": ["admin:access"]}, "Este usuario no tiene: admin:access."),
        ({"permissions": ["root"]}, "Elija una de las opciones."),
        ({"expires_in_days": "9999"}, "Elija una de las opciones."),
        ({"expires_in_days": "soon"}, "Elija una de las opciones."),
        ({"name": "Otra"}, "Este usuario ya tiene una llave vigente con ese nombre."),
    ],
)
def test_a_key_with_wrong_fields_is_refused_with_a_sentence(
    admin: Browser, newcomer: Person, changes: dict[str, object], sentence: str
):
    api_keys.issue(actor=SYSTEM, user_id=newcomer.id, name="Otra")
    sent = {
        "name": "Laboratorio",
        "expires_in_days": "90",
        "permissions": ["transaction:read"],
        **changes,
    }
    page = admin.post(f"{page_of(newcomer)}/api-keys", sent, form=page_of(newcomer)).insist()
    assert page.status in (409, 422)
    assert sentence in page.text
    assert len(queries.keys_of(newcomer.id)) == 1


def test_an_unknown_user_is_not_found(admin: Browser):
    nobody = f"/admin/users/{uuid.uuid4()}"
    assert admin.get(nobody).status == 404
    for action in ("details", "permissions", "password", "activity", "api-keys"):
        sent = {"password": "a new password", "full_name": "Nadie Aquí", "role": "cashier"}
        assert admin.post(f"{nobody}/{action}", sent).status == 404


def test_a_key_that_ran_out_is_marked(admin: Browser, newcomer: Person):
    key = api_keys.issue(actor=SYSTEM, user_id=newcomer.id, name="Laboratorio").key
    assert "Sin usar todavía" in admin.get(page_of(newcomer)).text
    row = db.session.get_one(ApiKey, key.id)
    row.created_at, row.expires_at = clock.now() - timedelta(days=2), clock.now()
    db.session.commit()
    assert "Venció el" in admin.get(page_of(newcomer)).text


def test_nothing_changes_without_the_form_token_or_by_get(admin: Browser, newcomer: Person):
    for action in ("details", "permissions", "password", "activity", "api-keys"):
        assert admin.get(f"{page_of(newcomer)}/{action}").status == 405
        sent = admin._send("post", f"{page_of(newcomer)}/{action}", data={"is_active": "false"})
        assert sent.status_code == 400
    assert fresh(newcomer).is_active
