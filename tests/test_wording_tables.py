"""Every table that is keyed by an enum has a row for each of its values, so that nothing is shown without words."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import pytest
from flask import Flask

import webapp
from tests.support.pages import Browser
from tests.support.people import create_person
from webapp.accounts import queries
from webapp.banking.gateway import Outcome
from webapp.banking.sandbox.failures import Mode
from webapp.kernel.database import db
from webapp.kernel.permissions import ROLE_PERMISSIONS, Permission, Role
from webapp.transactions.identifiers import Problem
from webapp.transactions.lifecycle import Status
from webapp.transactions.matching import ReasonCode

Table = Mapping[StrEnum, Any]


def tables() -> Iterator[tuple[str, Table]]:
    """Every table at the top of a module of the product whose keys are values of one enum."""
    for module in pkgutil.walk_packages(webapp.__path__, "webapp."):
        if module.name.startswith("webapp.development."):
            continue  # some of them run when they are imported
        for name, value in vars(importlib.import_module(module.name)).items():
            if not isinstance(value, Mapping) or not value:
                continue
            kinds = {type(key) for key in value}
            if len(kinds) == 1 and issubclass(kinds.pop(), StrEnum):
                yield f"{module.name}.{name}", value


FOUND = dict(tables())
WITHOUT_A_ROW: Mapping[str, set[StrEnum]] = {
    # These answers say something, the table is about those that say nothing.
    "webapp.transactions.wording.SILENCES": {Outcome.FOUND, Outcome.NOT_FOUND, Outcome.TOKEN},
    # Its sentence names a number of digits.
    "webapp.transactions.wording._MISSPELLINGS": {Problem.REFERENCE},
    # The table is about differences between what was declared and what the bank shows.
    "webapp.transactions.wording._DIFFERENCES": {
        code for code in ReasonCode if not code.value.endswith("_DIFFERS")
    },
    # Their sentences count hours, one or many.
    "webapp.transactions.wording._SENTENCES": {ReasonCode.GAVE_UP, ReasonCode.STILL_PENDING},
    # Nobody is told that a payment was logged.
    "webapp.transactions.webhook_events.OF_STATUS": {Status.IN_PROGRESS},
    # These are shown as the HTTP status that they are.
    "webapp.banking.sandbox.page.MODES_IN_WORDS": {
        mode for mode in Mode if mode.http_status is not None
    },
}
"""Values that a table leaves out, and why."""


def test_the_tables_are_found():
    assert {
        "webapp.accounts.wording.PERMISSIONS",
        "webapp.accounts.wording.ROLES",
        "webapp.transactions.wording.STATUSES",
        "webapp.banking.wording.OUTCOMES",
    } <= set(FOUND)
    assert set(WITHOUT_A_ROW) <= set(FOUND)


@pytest.mark.parametrize("name", sorted(FOUND))
def test_every_value_has_its_row(name: str):
    table = FOUND[name]
    (kind,) = {type(key) for key in table}
    assert set(kind) - set(table) == WITHOUT_A_ROW.get(name, set())


def test_boxes_that_are_saved_unchanged_take_nothing_away(app: Flask, admin: Browser):
    person = create_person("other.his@clinic.test", "Otro Sistema", Role.INTEGRATOR)
    url = f"/admin/users/{person.id}"
    page = admin.get(url)
    ticked = [
        given["value"]
        for tag, given in page.tags
        if tag == "input" and given.get("id", "").startswith("user-") and "checked" in given
    ]
    assert "Recibir avisos de los pagos en otro programa (webhooks)" in page.text
    saved = admin.follow(admin.post(f"{url}/permissions", {"permissions": ticked}, form=url))
    assert "Los cambios quedaron guardados." in saved.text
    assert "Pierde:" not in saved.text.split("Qué ganaría")[0]
    db.session.expire_all()
    assert queries.find_user(person.id).permissions == ROLE_PERMISSIONS[Role.INTEGRATOR]


@pytest.mark.parametrize("role", list(Role))
def test_every_permission_of_a_role_has_its_box(app: Flask, admin: Browser, role: Role):
    person = create_person("somebody@clinic.test", "Alguien Más", role)
    page = admin.get(f"/admin/users/{person.id}")
    boxes = {
        given["value"]
        for tag, given in page.tags
        if tag == "input" and given.get("id", "").startswith("user-permissions")
    }
    assert boxes == set(Permission)


def test_what_somebody_gains_and_loses_is_said_before_and_after(app: Flask, admin: Browser):
    person = create_person("somebody@clinic.test", "Alguien Más", Role.INTEGRATOR)
    url = f"/admin/users/{person.id}"
    before = admin.get(url).text.split("Qué ganaría y perdería con cada rol")[1]
    gained = "Gana: Decidir pagos por revisar, Eliminar pagos, Ver reportes."
    lost = "Pierde: Recibir avisos de los pagos en otro programa (webhooks)."
    assert f"Supervisión {gained} {lost}" in before
    assert "Integración No cambia sus permisos." in before
    sent = {"full_name": "Alguien Más", "role": "supervisor"}
    page = admin.follow(admin.post(f"{url}/details", sent, form=url))
    assert f"Los cambios quedaron guardados. {gained} {lost}" in page.text
    assert f"Cambió: rol, permisos {gained} {lost}" in page.text
