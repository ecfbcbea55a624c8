"""Requests are held to what `@operation` declares: parameters, sizes, versions and idempotency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support import payments
from tests.support.pages import Browser
from tests.support.people import Cast
from tests.support.programs import Program, payment
from webapp.api.contract.operation import Operation, operation_of
from webapp.api.openapi import document
from webapp.kernel import clock
from webapp.kernel.database import db

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
NAMES = ("transaction_id", "user_id", "key_id", "webhook_id", "delivery_id")

Declare = Callable[..., None]


@pytest.fixture
def administrator(app: Flask, cast: Cast) -> Program:
    return Program(app, cast.admin)


@pytest.fixture
def declare(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Return a function that changes the declaration of a view for the length of a test."""

    def change(endpoint: str, **changes: Any) -> None:
        view = app.view_functions[endpoint]
        declared = operation_of(view)
        assert declared is not None
        monkeypatch.setattr(view, "__operation__", replace(declared, **changes))

    return change


def operations(app: Flask) -> list[tuple[str, str, Operation]]:
    """Return method, path and declaration of every operation."""
    found = []
    for path, method, view, _rule in document.routes(app):
        declared = operation_of(view)
        assert declared is not None
        address = path.removeprefix("/api/v1").format(**dict.fromkeys(NAMES, ID))
        found.append((method.upper(), address, declared))
    return found


def test_every_operation_refuses_a_parameter_that_it_does_not_declare(
    app: Flask, administrator: Program
):
    for method, address, declared in operations(app):
        refused = administrator.call(method, address, query_string={"surprise": "1"})
        assert refused.status_code == 422, declared.operation_id
        (error,) = refused.get_json()["errors"]
        assert (error["parameter"], error["code"]) == ("surprise", "unknown_parameter")


def test_every_operation_refuses_a_parameter_that_stands_twice(app: Flask, administrator: Program):
    tried = 0
    for method, address, declared in operations(app):
        for name in sorted(declared.parameters):
            refused = administrator.call(method, f"{address}?{name}=1&{name}=1")
            assert refused.status_code == 422, declared.operation_id
            (error,) = refused.get_json()["errors"]
            assert (error["parameter"], error["code"]) == (name, "repeated")
            tried += 1
    assert tried > 20


def test_a_refused_parameter_changes_nothing(integrator: Program, supervisor_program: Program):
    refused = integrator.call("POST", "/transactions?dry_run=true", json=payment())
    assert refused.status_code == 422
    assert integrator.get("/transactions").get_json()["total"] == 0
    made = integrator.post("/transactions", payment()).get_json()
    path = f"/transactions/{made['id']}"
    assert supervisor_program.call("DELETE", f"{path}?why=Repetido").status_code == 422
    assert supervisor_program.call("DELETE", f"{path}?reason=Repetido").status_code == 204


def test_a_parameter_is_refused_before_a_key_is_taken(integrator: Program):
    headers = {"Idempotency-Key": "one"}
    sent = payment()
    refused = integrator.call("POST", "/transactions?dry_run=1", json=sent, headers=headers)
    assert refused.status_code == 422
    assert integrator.post("/transactions", sent, headers=headers).status_code == 201


def test_strangers_learn_nothing_about_parameters(stranger: Program):
    assert stranger.get("/transactions?surprise=1").status_code == 401


def test_the_pages_that_show_the_contract_take_any_query(anyone: Browser):
    for path in ("/docs?surprise=1", "/redoc?surprise=1"):
        assert anyone.get(path).status == 200


def test_the_size_of_a_body_is_the_declared_one(integrator: Program, declare: Declare):
    declare("api.create", max_body=100)
    assert integrator.post("/transactions", payment()).status_code == 413
    declare("api.create", max_body=10_000)
    assert integrator.post("/transactions", payment()).status_code == 201


def test_a_key_is_held_for_the_declared_time(
    app: Flask, integrator: Program, declare: Declare, monkeypatch: pytest.MonkeyPatch
):
    held: list[timedelta] = []

    def noting() -> Any:
        row = db.session.execute(text("SELECT leased_until FROM idempotency_keys")).one()
        held.append(row.leased_until - clock.now())
        raise RuntimeError("planted")

    declare("api.create", lease=timedelta(minutes=7))
    noting.__dict__.update(app.view_functions["api.create"].__dict__)
    monkeypatch.setitem(app.view_functions, "api.create", noting)
    headers = {"Idempotency-Key": "one"}
    assert integrator.post("/transactions", payment(), headers=headers).status_code == 500
    assert timedelta(minutes=6) < held[0] <= timedelta(minutes=7)


def test_a_key_means_nothing_to_an_operation_that_declares_none(
    integrator: Program, declare: Declare
):
    declare("api.create", idempotent=False)
    sent, headers = payment(), {"Idempotency-Key": "one"}
    assert integrator.post("/transactions", sent, headers=headers).status_code == 201
    again = integrator.post("/transactions", sent, headers=headers)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (200, None)


def test_a_version_that_is_known_already_is_304_where_that_is_declared(
    cast: Cast, integrator: Program, declare: Declare
):
    path = f"/transactions/{payments.logged(cast.cashier).id}"
    known = {"If-None-Match": integrator.get(path).headers["ETag"]}
    assert integrator.get(path, headers=known).status_code == 304
    declare("api.get", conditional=False)
    assert integrator.get(path, headers=known).status_code == 200


def test_reading_a_version_that_no_longer_stands_is_a_problem(cast: Cast, integrator: Program):
    path = f"/transactions/{payments.logged(cast.cashier).id}"
    stale = integrator.get(path, headers={"If-Match": '"99"'})
    assert (stale.status_code, stale.get_json()["code"]) == (412, "version_mismatch")
    tag = integrator.get(path).headers["ETag"]
    assert integrator.get(path, headers={"If-Match": tag}).status_code == 200


def test_every_operation_that_makes_something_can_be_sent_again(app: Flask):
    for method, address, declared in operations(app):
        if method == "POST" and not address.startswith("/auth/"):
            assert declared.idempotent, declared.operation_id
