"""The flows of ERD 15, as any program would go through them."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.support import payments
from tests.support.bank import FakeGateway
from tests.support.people import Cast, create_person
from tests.support.programs import Program, payment
from webapp.kernel.permissions import Role

NEW_USER = {
    "email": "newuser@example.com",
    "password": "SecurePass123!",
    "full_name": "New User",
    "national_id": "V12345678",
    "phone_number": "04121234567",
}


@pytest.fixture
def open_registration(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the registration, as the ERD's flow expects."""
    settings = app.config["SETTINGS"].model_copy(
        update={"registration": "open", "registration_role": "integrator"}
    )
    monkeypatch.setitem(app.config, "SETTINGS", settings)


def signed_in(app: Flask, email: str, password: str) -> Program:
    program = Program(app)
    answer = program.post("/auth/login", {"email": email, "password": password})
    assert answer.status_code == 200
    assert answer.get_json()["token_type"] == "bearer"
    program.token = answer.get_json()["access_token"]
    return program


def bare_payment(**changes: Any) -> dict[str, Any]:
    """Return a payment with only the fields of ERD 5.2, which has no amount."""
    sent = {**payment(), **changes}
    del sent["amount"]
    return sent


def test_register_user_success(stranger: Program) -> None:
    created = stranger.post("/auth/register", NEW_USER)
    assert created.status_code == 201
    assert created.get_json()["email"] == NEW_USER["email"]


def test_login_success_and_current_user(app: Flask, cast: Cast, bank: FakeGateway) -> None:
    person = create_person("testuser@example.com", "Test User", Role.INTEGRATOR)
    program = signed_in(app, person.email, "a long test password")
    me = program.get("/auth/me")
    assert me.status_code == 200
    assert me.get_json()["email"] == person.email


def test_complete_transaction_flow(
    app: Flask, bank: FakeGateway, stranger: Program, open_registration: None
) -> None:
    assert stranger.post("/auth/register", NEW_USER).status_code == 201
    program = signed_in(app, NEW_USER["email"], NEW_USER["password"])
    created = program.post("/transactions", bare_payment())
    assert created.status_code == 201
    row_id = created.get_json()["id"]
    read = program.get(f"/transactions/{row_id}")
    assert read.status_code == 200
    assert read.get_json()["status"] == "IN_PROGRESS"
    listed = program.get("/transactions").get_json()
    assert any(item["id"] == row_id for item in listed["items"])
    status = program.get(f"/transactions/{row_id}/status")
    assert status.status_code == 200
    assert status.get_json()["id"] == row_id


def test_pagination_flow(integrator: Program) -> None:
    made = [integrator.post("/transactions", bare_payment()).get_json()["id"] for _ in range(15)]
    first = integrator.get("/transactions?limit=5&offset=0").get_json()
    second = integrator.get("/transactions?limit=5&offset=5").get_json()
    third = integrator.get("/transactions?limit=5&offset=10").get_json()
    pages = [[item["id"] for item in page["items"]] for page in (first, second, third)]
    assert [len(page) for page in pages] == [5, 5, 5]
    assert [*pages[0], *pages[1], *pages[2]] == made[::-1], "newest first, each once"
    assert (first["total"], first["pages"], second["page"], first["size"]) == (15, 3, 2, 5)
    by_page = integrator.get("/transactions?page=2&size=5").get_json()
    assert [item["id"] for item in by_page["items"]] == pages[1]
    beyond = integrator.get("/transactions?page=4&size=5").get_json()
    assert (beyond["items"], beyond["total"]) == ([], 15)


def test_every_filter_of_section_5_narrows_the_list(integrator: Program) -> None:
    other = {
        "customer": {"full_name": "José Peña", "phone": "04121112233", "national_id": "V1455566"}
    }
    integrator.post("/transactions", bare_payment())
    wanted = integrator.post("/transactions", bare_payment(**other)).get_json()
    today = wanted["created_at"][:10]
    for query in (f"reference={wanted['reference']}", "phone=04121112233"):
        found = integrator.get(f"/transactions?{query}&status=IN_PROGRESS").get_json()
        assert [item["id"] for item in found["items"]] == [wanted["id"]]
    assert integrator.get("/transactions?status=COMPLETED").get_json()["total"] == 0
    assert integrator.get("/transactions?to_date=2020-01-01").get_json()["total"] == 0
    assert (
        integrator.get(f"/transactions?from_date=2020-01-01&to_date={today[:4]}-12-31").get_json()[
            "total"
        ]
        == 2
    )


def test_the_answers_have_the_shapes_of_section_5(integrator: Program) -> None:
    sent = bare_payment(reference=payments.new_reference())
    made = integrator.post("/transactions/", sent).get_json()
    assert {
        *("id", "transaction_id", "status", "bank", "transaction_type", "reference"),
        *("customer", "created_at", "updated_at", "banesco_details"),
    } <= made.keys()
    assert made["transaction_type"] == "TRANSACTION"
    assert made["customer"] == {**sent["customer"], "concept": None}
    assert integrator.get("/transactions/").get_json().keys() >= {
        "items",
        "total",
        "page",
        "size",
        "pages",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("customer.full_name", "R"),
        ("customer.full_name", "Rosa 2"),
        ("customer.phone", "12345"),
        ("customer.national_id", "X123"),
        ("customer.concept", "x" * 501),
        ("transaction_id", ""),
        ("transaction_id", "x" * 101),
        ("reference", "12345678"),
        ("reference", "1234567890"),
        ("bank", "OTHER"),
        ("transaction_type", "OTHER_TYPE"),
    ],
)
def test_what_section_5_refuses_is_refused_by_field(
    integrator: Program, field: str, value: str
) -> None:
    sent = bare_payment()
    target = sent["customer"] if "." in field else sent
    target[field.split(".")[-1]] = value
    refused = integrator.post("/transactions", sent)
    assert refused.status_code == 422
    assert field in {error["field"] for error in refused.get_json()["errors"]}
