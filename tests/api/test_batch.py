"""Many payments in one request, each stored or refused by itself."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.bank import FakeGateway
from tests.support.people import Cast
from tests.support.programs import Program, payment
from tests.support.threads import together
from webapp.kernel.database import db
from webapp.transactions import queries


def statuses(answer: Any) -> list[int]:
    return [item["status"] for item in answer.get_json()["items"]]


def test_each_item_has_its_own_result_by_the_rules_of_a_single_one(integrator: Program):
    stood = payment()
    integrator.post("/transactions", stood)
    good = payment(customer={"full_name": "ana de la cruz"})
    wrong = payment(customer={"phone": "12"})
    taken = payment(reference=stood["reference"])
    items = [good, wrong, stood, {**good, "amount": "9.00"}, taken, "text", None, {}]
    answer = integrator.post("/transactions/batch", {"items": items})
    assert answer.status_code == 200
    assert statuses(answer) == [201, 422, 200, 200, 409, 422, 422, 422]
    body = answer.get_json()
    assert (body["created"], body["stored"], body["refused"]) == (1, 2, 5)
    assert [item["index"] for item in body["items"]] == list(range(8))
    assert body["items"][0]["transaction"]["customer"]["full_name"] == "Ana de la Cruz"
    assert body["items"][0]["problem"] is None
    problem = body["items"][1]["problem"]
    assert problem["status"] == 422
    assert problem["errors"][0]["pointer"] == "/customer/phone"
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert body["items"][1]["transaction"] is None
    assert body["items"][4]["problem"]["holder"]["transaction_id"] == stood["transaction_id"]
    assert body["items"][5]["problem"]["errors"][0]["pointer"] == ""
    changed = integrator.get(f"/transactions/{good['transaction_id']}").get_json()
    assert changed["amount"] == "9.00"
    assert integrator.get("/transactions").get_json()["total"] == 2


def test_every_row_has_its_event_and_is_due_for_the_worker(
    app: Flask, integrator: Program, bank: FakeGateway
):
    sent = [payment() for _ in range(5)]
    integrator.post("/transactions/batch", {"items": sent})
    assert bank.claims == []
    for item in sent:
        row = queries.find(item["transaction_id"])
        assert row.next_check_at is not None
        assert [event.new_status for event in queries.events_of(row.id)] == [row.status]


def test_five_hundred_are_taken_and_one_more_is_not(integrator: Program):
    long = {"concept": "x" * 500}
    answer = integrator.post(
        "/transactions/batch", {"items": [payment(customer=long) for _ in range(500)]}
    )
    assert answer.get_json()["created"] == 500
    refused = integrator.post("/transactions/batch", {"items": [payment()] * 501})
    assert refused.status_code == 422
    assert refused.get_json()["errors"][0]["pointer"] == "/items"
    assert refused.get_json()["errors"][0]["code"] == "too_many"


@pytest.mark.parametrize(
    "body", [{"items": []}, {"items": {}}, {}, {"items": [{}], "more": 1}, {"items": None}]
)
def test_a_body_that_is_not_a_batch_is_refused(integrator: Program, body: Any):
    assert integrator.post("/transactions/batch", body).status_code == 422


def test_a_batch_may_have_two_mebibytes(integrator: Program):
    large = {"items": [payment(customer={"concept": "x" * 1_400_000})]}
    assert statuses(integrator.post("/transactions/batch", large)) == [422]
    larger = {"items": [payment(customer={"concept": "x" * 2_100_000})]}
    assert integrator.post("/transactions/batch", larger).status_code == 413


def test_a_refused_item_does_not_stop_the_others(cashier_program: Program, cast: Cast):
    sent = payment()
    cashier_program.post("/transactions", sent)
    items = [{**sent, "amount": "1.00"}, payment()]
    answer = cashier_program.post("/transactions/batch", {"items": items})
    assert statuses(answer) == [403, 201]


def test_a_refused_correction_leaves_no_row_locked(app: Flask, cast: Cast, integrator: Program):
    # The integrator may change its own entries only; the refusal comes while the row is locked.
    theirs = payment()
    other = Program(app, cast.cashier)
    other.post("/transactions", theirs)
    items = [{**theirs, "amount": "1.00"}, *(payment() for _ in range(3))]
    assert statuses(integrator.post("/transactions/batch", {"items": items})) == [
        403,
        201,
        201,
        201,
    ]
    locked = db.session.execute(text("SELECT id FROM transactions FOR UPDATE NOWAIT")).all()
    db.session.rollback()
    assert len(locked) == 4


def test_the_same_batch_twice_at_once_makes_each_payment_once(app: Flask, integrator: Program):
    batch = {"items": [payment() for _ in range(10)]}
    answers = together(app, [lambda: integrator.post("/transactions/batch", batch)] * 2)
    made = [status for answer in answers for status in statuses(answer)]
    assert sorted(set(made)) == [200, 201]
    assert made.count(201) == 10
    assert integrator.get("/transactions").get_json()["total"] == 10


def test_a_payment_cannot_have_the_name_of_a_route_as_its_id(integrator: Program):
    for word in ("batch", "export", "new", "Batch"):
        assert integrator.post("/transactions", payment(transaction_id=word)).status_code == 422
    assert integrator.get("/transactions/batch").status_code == 405
