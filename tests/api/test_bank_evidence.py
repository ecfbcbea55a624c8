"""Who sees what the bank answered, and who chooses among its movements: one rule for pages and programs."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from pydantic import BaseModel

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.pages import Browser
from tests.support.people import Cast
from tests.support.programs import Program, payment
from webapp.api.transactions import outputs
from webapp.transactions import checking
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction

SEES = {"supervisor": True, "admin": True, "cashier": False, "integrator": False}


@pytest.fixture
def several(app: Flask, cast: Cast, bank: FakeGateway) -> Transaction:
    """A payment for which the bank shows two movements, of which one has another concept."""
    logged = payments.logged(cast.cashier)
    one = movement(logged, identity="one", reference=f"111{logged.reference}", concept="Consulta")
    bank.will_answer(answer(one, movement(logged, identity="two", phone="04160000000")))
    checking.check(logged.id, bank=app.extensions["bank"])
    assert payments.reread(logged).status is Status.TO_REVIEW
    return logged


@pytest.mark.parametrize("role", SEES)
def test_page_and_program_show_the_banks_answers_to_the_same_people(
    app: Flask, cast: Cast, several: Transaction, role: str
) -> None:
    person = getattr(cast, role)
    read = Program(app, person).get(f"/transactions/{several.id}").get_json()
    page = Browser(app).sign_in(person).get(f"/transactions/{several.transaction_id}")
    assert ("Consultas al banco" in page.text) == SEES[role]
    assert (read["banesco_details"] is not None) == SEES[role]
    assert (read["movements"] is not None) == SEES[role]
    assert {"bank_amount", "bank_reference", "reasons"} <= read.keys()


@pytest.mark.parametrize("role", SEES)
def test_lists_and_batches_follow_the_same_rule(
    app: Flask, cast: Cast, several: Transaction, role: str
) -> None:
    program = Program(app, getattr(cast, role))
    for query in ("", "?cursor="):
        (item,) = program.get(f"/transactions{query}").get_json()["items"]
        assert (item["banesco_details"] is not None) == SEES[role]
    made = program.post("/transactions/batch", {"items": [payment()]}).get_json()
    assert (made["items"][0]["transaction"]["movements"] is not None) == SEES[role]


@pytest.mark.parametrize("role", SEES)
def test_what_is_read_is_spelled_as_the_contract_spells_it(
    app: Flask, cast: Cast, several: Transaction, role: str
) -> None:
    program = Program(app, getattr(cast, role))
    told: tuple[tuple[str, type[BaseModel]], ...] = (
        (f"/transactions/{several.id}", outputs.TransactionOut),
        ("/transactions", outputs.TransactionList),
        ("/transactions?cursor=", outputs.TransactionStretch),
    )
    for path, model in told:
        read = program.get(path).get_data(as_text=True)
        assert model.model_validate_json(read).model_dump_json() == read


def review(program: Program, logged: Transaction, **more: Any) -> Any:
    decision = {"decision": "approve", "reason": "La segunda, por la hora", **more}
    return program.post(f"/transactions/{logged.id}/review", decision)


def test_of_several_movements_a_program_chooses_too(
    app: Flask, cast: Cast, several: Transaction
) -> None:
    program = Program(app, cast.supervisor)
    one, two = program.get(f"/transactions/{several.id}").get_json()["movements"]
    assert (one["identity"], one["reference"]) == ("one", f"111{several.reference}")
    assert (one["concept"], one["amount"]) == ("Consulta", "1240.00")
    assert [difference["code"] for difference in two["differences"]] == ["PHONE_DIFFERS"]
    approved = review(program, several, movement=two["identity"]).get_json()
    assert (approved["status"], approved["bank_reference"]) == ("COMPLETED", several.reference)
    assert approved["movements"] == []
    assert payments.reread(several).matched_movement == "two"


def test_a_movement_that_is_not_shown_decides_nothing(
    app: Flask, cast: Cast, several: Transaction
) -> None:
    program = Program(app, cast.supervisor)
    refused = review(program, several, movement="three")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "movement_not_shown")
    for nonsense in ("", " ", 1, ["one"], "x" * 121):
        assert review(program, several, movement=nonsense).status_code == 422
    assert payments.reread(several).status is Status.TO_REVIEW
    assert review(program, several, movement=None).get_json()["status"] == "COMPLETED"


def test_a_payment_with_nothing_to_decide_shows_no_movements(
    app: Flask, cast: Cast, bank: FakeGateway
) -> None:
    logged = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(logged)))
    checking.check(logged.id, bank=app.extensions["bank"])
    read = Program(app, cast.supervisor).get(f"/transactions/{logged.id}").get_json()
    assert (read["status"], read["movements"]) == ("COMPLETED", [])
    assert read["banesco_details"] == {"status": "test"}
