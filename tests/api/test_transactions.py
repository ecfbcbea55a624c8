"""Programs log, read, correct, decide and delete payments."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.support import payments
from tests.support.background import settle
from tests.support.bank import FakeGateway, answer, movement
from tests.support.people import Cast
from tests.support.programs import Program, payment
from tests.support.threads import together
from webapp.banking.gateway import BankUnavailable
from webapp.transactions import queries


def _wait_for_background() -> None:
    """Wait until the check that follows logging has ended, so that the test decides what the bank is asked next."""
    from webapp.transactions.asking import bank_pool

    for _ in range(4):
        bank_pool._free.acquire()
    for _ in range(4):
        bank_pool._free.release()


def test_a_payment_is_created_with_the_shape_of_the_contract(integrator: Program) -> None:
    sent = payment(customer={"full_name": "MARÍA D'ANGELO DE LA CRUZ", "concept": "Consulta"})
    created = integrator.post("/transactions", sent)
    assert created.status_code == 201
    body = created.get_json()
    assert body["transaction_id"] == sent["transaction_id"]
    assert body["status"] == "IN_PROGRESS"
    assert body["customer"]["full_name"] == "María D'Angelo de la Cruz"
    assert body["amount"] == "1240.00"
    assert {"id", "created_at", "updated_at", "banesco_details", "transaction_type"} <= body.keys()
    by_id = integrator.get(f"/transactions/{body['id']}").get_json()
    assert by_id["transaction_id"] == sent["transaction_id"]


def test_the_same_content_again_gives_the_stored_row(integrator: Program) -> None:
    sent = payment()
    first = integrator.post("/transactions", sent)
    second = integrator.post("/transactions/", sent)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json()["id"] == second.get_json()["id"]


def test_other_content_changes_the_row_while_it_is_not_final(integrator: Program) -> None:
    sent = payment()
    integrator.post("/transactions", sent)
    changed = integrator.post("/transactions", {**sent, "amount": "99.90"})
    assert changed.status_code == 200
    assert changed.get_json()["amount"] == "99.90"


def test_other_content_needs_the_permission_to_update(cashier_program: Program) -> None:
    sent = payment()
    cashier_program.post("/transactions", sent)
    assert cashier_program.post("/transactions", {**sent, "amount": "1.00"}).status_code == 403


def test_a_final_payment_is_not_changed(
    integrator: Program, app: Flask, cast: Cast, bank: FakeGateway
) -> None:
    sent = payment()
    created = integrator.post("/transactions", sent).get_json()
    _wait_for_background()
    bank.will_answer(answer(movement(queries.find(created["id"]))))
    assert (
        integrator.get(f"/transactions/{created['id']}/status").get_json()["status"] == "COMPLETED"
    )
    assert integrator.post("/transactions", {**sent, "amount": "5.00"}).status_code == 409
    patched = integrator.call("PATCH", f"/transactions/{created['id']}", json={"amount": "5.00"})
    assert patched.status_code == 409


def test_a_taken_reference_names_the_payment_that_holds_it(integrator: Program) -> None:
    first = payment()
    integrator.post("/transactions", first)
    second = integrator.post("/transactions", {**first, "transaction_id": "ANOTHER-1"})
    assert second.status_code == 409
    assert second.get_json()["code"] == "reference_taken"
    assert second.get_json()["holder"]["transaction_id"] == first["transaction_id"]


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("a JSON number for money", {"amount": 1240.00}, "amount"),
    ("an integer for money", {"amount": 1240}, "amount"),
    ("zero", {"amount": "0.00"}, "amount"),
    ("below zero", {"amount": "-1.00"}, "amount"),
    ("not a number", {"amount": "NaN"}, "amount"),
    ("infinity", {"amount": "Infinity"}, "amount"),
    ("an exponent", {"amount": "1e5"}, "amount"),
    ("three places", {"amount": "10.005"}, "amount"),
    ("Unicode digits", {"amount": "１２３.00"}, "amount"),
    ("a short reference", {"reference": "12345678"}, "reference"),
    ("letters in a reference", {"reference": "12345678A"}, "reference"),
    ("Unicode digits in a reference", {"reference": "١٢٣٤٥٦٧٨٩"}, "reference"),
    ("NUL in a reference", {"reference": "12345678\x00"}, "reference"),
    ("a number for a reference", {"reference": 123456789}, "reference"),
    ("an unknown bank", {"bank": "MERCANTIL"}, "bank"),
    ("an unknown kind", {"transaction_type": "GIFT"}, "transaction_type"),
    ("a future day", {"operation_date": "2999-01-01"}, "operation_date"),
    ("a day that is none", {"operation_date": "2026-02-30"}, "operation_date"),
    ("a timestamp for a day", {"operation_date": 1700000000}, "operation_date"),
    ("an unknown field", {"surprise": 1}, "surprise"),
    ("a bad id", {"transaction_id": "has spaces"}, "transaction_id"),
    ("a reserved id", {"transaction_id": "new"}, "transaction_id"),
    ("a long id", {"transaction_id": "x" * 101}, "transaction_id"),
    ("markup in a name", {"customer": {"full_name": "<b>Rosa</b>"}}, "customer.full_name"),
    ("digits in a name", {"customer": {"full_name": "Rosa 2"}}, "customer.full_name"),
    ("a short phone", {"customer": {"phone": "0414123"}}, "customer.phone"),
    ("a company's id", {"customer": {"national_id": "J123456789"}}, "customer.national_id"),
    ("a long concept", {"customer": {"concept": "x" * 501}}, "customer.concept"),
    ("half a surrogate pair", {"customer": {"concept": "\ud800"}}, "customer.concept"),
    ("NUL in a concept", {"customer": {"concept": "a\x00b"}}, "customer.concept"),
]


@pytest.mark.parametrize(
    ("changes", "field"), [(c, f) for _, c, f in WRONG], ids=[w[0] for w in WRONG]
)
def test_wrong_fields_are_named_and_nothing_is_stored(
    integrator: Program, changes: dict[str, Any], field: str
) -> None:
    refused = integrator.post("/transactions", payment(**changes))
    assert refused.status_code == 422
    assert field in {error["field"] for error in refused.get_json()["errors"]}
    assert integrator.get("/transactions").get_json()["total"] == 0


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": "{", "content_type": "application/json"}, 400),
        ({"data": "[]", "content_type": "application/json"}, 400),
        ({"data": "a=b", "content_type": "application/x-www-form-urlencoded"}, 415),
        ({"data": b"\xff\xfe", "content_type": "application/json"}, 400),
        ({"data": "x" * 2_000_000, "content_type": "application/json"}, 413),
    ],
)
def test_bodies_that_cannot_be_read(integrator: Program, sent: dict[str, Any], status: int) -> None:
    assert integrator.call("POST", "/transactions", **sent).status_code == status


def test_the_list_is_paged_and_narrowed(integrator: Program, cast: Cast) -> None:
    rows = [payments.logged(cast.cashier, full_name=f"Ana Pérez {c}") for c in "abcde"]
    first = integrator.get("/transactions?page=1&size=2").get_json()
    second = integrator.get("/transactions?page=2&size=2").get_json()
    assert (first["total"], first["pages"], first["size"]) == (5, 3, 2)
    assert not {i["id"] for i in first["items"]} & {i["id"] for i in second["items"]}
    same = integrator.get("/transactions?limit=2&offset=2").get_json()
    assert [i["id"] for i in same["items"]] == [i["id"] for i in second["items"]]
    found = integrator.get(f"/transactions?reference={rows[0].reference}").get_json()
    assert [item["id"] for item in found["items"]] == [str(rows[0].id)]
    assert integrator.get("/transactions?q=perez").get_json()["total"] == 5
    assert integrator.get("/transactions?status=COMPLETED").get_json()["total"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "size=0",
        "size=101",
        "page=0",
        "page=x",
        "page=１",
        "status=NOPE",
        "bank=NOPE",
        "from_date=yesterday",
        "from_date=2026-02-01&to_date=2026-01-01",
        "phone=123",
        "national_id=X1",
        "offset=-1",
        "q=%00",
        "page=99999999",
    ],
)
def test_a_wrong_filter_is_refused(integrator: Program, query: str) -> None:
    assert integrator.get(f"/transactions?{query}").status_code == 422


def test_the_status_asks_the_bank_and_says_when_it_may_not(
    integrator: Program, bank: FakeGateway
) -> None:
    created = integrator.post("/transactions", payment()).get_json()
    _wait_for_background()
    asked = integrator.get(f"/transactions/{created['id']}/status").get_json()
    assert asked["synced"] is True
    assert asked["reasons"][0]["code"] == "NOT_FOUND"
    limited = integrator.get(f"/transactions/{created['id']}/status")
    assert limited.status_code == 200
    assert limited.get_json()["synced"] is False
    assert limited.get_json()["next_check_at"]
    assert len(bank.claims) == 2


def test_a_bank_that_does_not_answer_changes_nothing(
    integrator: Program, bank: FakeGateway
) -> None:
    bank.will_answer(BankUnavailable("down"))
    created = integrator.post("/transactions", payment()).get_json()
    _wait_for_background()
    asked = integrator.get(f"/transactions/{created['id']}/status").get_json()
    assert (asked["status"], asked["synced"]) == ("IN_PROGRESS", False)


def test_the_trail_is_listed_oldest_first(integrator: Program, bank: FakeGateway) -> None:
    created = integrator.post("/transactions", payment()).get_json()
    _wait_for_background()
    bank.will_answer(answer(movement(queries.find(created["id"]))))
    integrator.get(f"/transactions/{created['id']}/status")
    items = integrator.get(f"/transactions/{created['id']}/events").get_json()["items"]
    assert [(item["old_status"], item["new_status"]) for item in items] == [
        (None, "IN_PROGRESS"),
        ("IN_PROGRESS", "COMPLETED"),
    ]
    assert [item["actor_type"] for item in items] == ["EXTERNAL", "SYSTEM"]


def test_the_answer_that_came_since_is_no_304_and_no_conflict(
    integrator: Program, bank: FakeGateway
) -> None:
    created = integrator.post("/transactions", payment())
    path, etag = f"/transactions/{created.get_json()['id']}", created.headers["ETag"]
    _wait_for_background()
    asked = integrator.get(path, headers={"If-None-Match": etag})
    assert asked.status_code == 200
    assert [reason["code"] for reason in asked.get_json()["reasons"]] == ["NOT_FOUND"]
    assert integrator.get(path, headers={"If-None-Match": asked.headers["ETag"]}).status_code == 304
    changed = integrator.call("PATCH", path, json={"amount": "2.00"}, headers={"If-Match": etag})
    assert changed.status_code == 200


def test_a_payment_named_like_the_id_of_another_never_stands_in_its_place(
    integrator: Program, cashier_program: Program
) -> None:
    first = integrator.post("/transactions", payment()).get_json()
    impostor = cashier_program.post("/transactions", payment(transaction_id=first["id"]))
    assert impostor.status_code == 201
    assert impostor.headers["Location"] == f"/api/v1/transactions/{impostor.get_json()['id']}"
    found = integrator.get(f"/transactions/{first['id']}").get_json()
    assert found["transaction_id"] == first["transaction_id"]


def test_parts_are_changed_and_versions_respected(integrator: Program, bank: FakeGateway) -> None:
    bank.answering.clear()  # The bank is asked in the background, and its answer makes a new ETag.
    created = integrator.post("/transactions", payment())
    path = f"/transactions/{created.get_json()['id']}"
    etag = created.headers["ETag"]
    assert integrator.get(path, headers={"If-None-Match": etag}).status_code == 304
    bank.answering.set()
    settle()
    changed = integrator.call(
        "PATCH", path, json={"customer": {"phone": "0424-555.66.77"}}, headers={"If-Match": etag}
    )
    assert changed.get_json()["customer"]["phone"] == "04245556677"
    stale = integrator.call("PATCH", path, json={"amount": "2.00"}, headers={"If-Match": etag})
    assert stale.status_code == 412
    emptied = integrator.call("PATCH", path, json={"customer": {"phone": None}})
    assert emptied.status_code == 422


def test_an_integrator_changes_only_its_own(integrator: Program, cast: Cast) -> None:
    theirs = payments.logged(cast.cashier)
    path = f"/transactions/{theirs.id}"
    assert integrator.call("PATCH", path, json={"amount": "2.00"}).status_code == 403


def test_deleting_needs_permission_and_a_reason(
    integrator: Program, supervisor_program: Program
) -> None:
    path = f"/transactions/{integrator.post('/transactions', payment()).get_json()['id']}"
    assert integrator.call("DELETE", path).status_code == 403
    assert supervisor_program.call("DELETE", path).status_code == 422
    assert supervisor_program.call("DELETE", path, json={"reason": "Duplicado"}).status_code == 204
    assert supervisor_program.get(path).status_code == 404
    other = f"/transactions/{integrator.post('/transactions', payment()).get_json()['id']}"
    assert supervisor_program.call("DELETE", f"{other}?reason=Error").status_code == 204


def test_a_supervisor_decides_and_never_their_own(
    supervisor_program: Program, integrator: Program, bank: FakeGateway, cast: Cast
) -> None:
    theirs = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(theirs, amount=payments.details().amount + 1)))  # type: ignore[operator]
    path = f"/transactions/{theirs.transaction_id}"
    assert integrator.get(f"{path}/status").get_json()["status"] == "TO_REVIEW"
    decision = {"decision": "approve", "reason": "Visto en el estado de cuenta"}
    assert integrator.post(f"{path}/review", decision).status_code == 403
    assert supervisor_program.post(f"{path}/review", {**decision, "reason": " "}).status_code == 422
    assert (
        supervisor_program.post(f"{path}/review", {**decision, "decision": "?"}).status_code == 422
    )
    approved = supervisor_program.post(f"{path}/review", decision)
    assert approved.get_json()["status"] == "COMPLETED"
    again = supervisor_program.post(f"{path}/review", decision)
    assert again.status_code == 409
    assert cast.supervisor.full_name in again.get_json()["detail"]


def test_a_decision_respects_the_version_that_the_supervisor_read(
    supervisor_program: Program, bank: FakeGateway, cast: Cast
) -> None:
    theirs = payments.logged(cast.cashier)
    path = f"/transactions/{theirs.transaction_id}"
    before = supervisor_program.get(path).headers["ETag"]
    bank.will_answer(answer(movement(theirs, phone="04160000000")))
    assert supervisor_program.get(f"{path}/status").get_json()["status"] == "TO_REVIEW"
    decision = {"decision": "approve", "reason": "Visto"}
    stale = supervisor_program.post(f"{path}/review", decision, headers={"If-Match": before})
    assert stale.status_code == 412
    now = supervisor_program.get(path).headers["ETag"]
    decided = supervisor_program.post(f"{path}/review", decision, headers={"If-Match": now})
    assert decided.get_json()["status"] == "COMPLETED"


def test_the_same_payment_sent_by_many_at_once_is_one(app: Flask, integrator: Program) -> None:
    sent = payment()
    answers = together(app, [lambda: integrator.post("/transactions", sent)] * 20)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 19 + [201]
    assert len({answer.get_json()["id"] for answer in answers}) == 1


def test_four_eyes_hold_for_programs_too(
    supervisor_program: Program, bank: FakeGateway, cast: Cast
) -> None:
    own = payments.logged(cast.supervisor)
    bank.will_answer(answer(movement(own, phone="04160000000")))
    path = f"/transactions/{own.transaction_id}"
    assert supervisor_program.get(f"{path}/status").get_json()["status"] == "TO_REVIEW"
    refused = supervisor_program.post(f"{path}/review", {"decision": "approve", "reason": "Sí"})
    assert refused.status_code == 403
    assert refused.get_json()["code"] == "own_transaction"


def test_unknown_paths_and_methods_are_problems(integrator: Program) -> None:
    assert integrator.get("/transactions/nothing-here").status_code == 404
    assert integrator.get("/nowhere").status_code == 404
    assert integrator.call("PUT", "/transactions").status_code == 405


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=true&size=5", "page"),
        ("page=1&offset=5", "offset"),
        ("other=1", "other"),
        ("size=10&limit=null", "limit"),
        ("status=DONE", "status"),
        ("phone=12", "phone"),
        ("from_date=24/11/2026", "from_date"),
        ("from_date=2026-11-24&to_date=2026-11-23", "to_date"),
        ("to_date=9999-12-31", "to_date"),
        ("q=%00", "q"),
    ],
)
def test_a_wrong_query_is_refused_by_its_parameter(
    integrator: Program, query: str, field: str
) -> None:
    refused = integrator.get(f"/transactions?{query}")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.get_json()["errors"]] == [field]


def test_an_empty_filter_narrows_nothing(integrator: Program) -> None:
    integrator.post("/transactions", payment())
    assert integrator.get("/transactions?status=&q=&phone=%20").get_json()["total"] == 1


def test_the_reason_of_a_deletion_is_bounded_in_the_query_too(
    supervisor_program: Program, integrator: Program
) -> None:
    made = integrator.post("/transactions", payment()).get_json()["id"]
    for query in ("", "?reason=", f"?reason={'x' * 501}"):
        refused = supervisor_program.call("DELETE", f"/transactions/{made}{query}")
        assert refused.status_code == 422
        assert refused.get_json()["errors"][0]["field"] == "reason"
    too_long = f"/transactions/{made}?reason={'x' * 501}"
    refused = supervisor_program.call("DELETE", too_long, json={"reason": "Duplicado"})
    assert refused.status_code == 422
    assert refused.get_json()["errors"][0]["parameter"] == "reason"
    assert supervisor_program.call("DELETE", f"/transactions/{made}?reason=ok").status_code == 204
