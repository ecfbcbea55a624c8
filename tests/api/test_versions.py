"""Versions that programs name: what no longer stands is refused, with what changed since, field by field."""

from __future__ import annotations

from flask import Flask

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.people import Cast
from tests.support.programs import Program, payment


def test_a_conflict_names_what_changed_field_by_field(
    app: Flask, cast: Cast, integrator: Program, supervisor_program: Program
) -> None:
    created = integrator.post("/transactions", payment())
    path = f"/transactions/{created.get_json()['id']}"
    read = {"If-Match": created.headers["ETag"]}
    for amount, phone in (("2.00", "04245556677"), ("3.00", "04141234567")):
        sent = {"amount": amount, "customer": {"phone": phone, "concept": "Rayos X"}}
        assert supervisor_program.call("PATCH", path, json=sent).status_code == 200
    stale = integrator.call("PATCH", path, json={"amount": "9.00"}, headers=read)
    assert (stale.status_code, stale.get_json()["code"]) == (412, "version_mismatch")
    changes = {change.pop("field"): change for change in stale.get_json()["changes"]}
    assert changes.keys() == {"amount", "customer.concept"}  # the phone was changed back
    assert (changes["amount"]["before"], changes["amount"]["after"]) == ("1240.00", "3.00")
    assert changes["customer.concept"]["before"] is None
    assert changes["amount"]["changed_by"] == cast.supervisor.full_name
    assert changes["amount"]["changed_at"].startswith("20")
    assert integrator.get(path).get_json()["amount"] == "3.00"


def test_a_status_that_changed_is_named_too(
    supervisor_program: Program, bank: FakeGateway, cast: Cast
) -> None:
    theirs = payments.logged(cast.cashier)
    path = f"/transactions/{theirs.transaction_id}"
    read = {"If-Match": supervisor_program.get(path).headers["ETag"]}
    bank.will_answer(answer(movement(theirs, phone="04160000000")))
    supervisor_program.get(f"{path}/status")
    decision = {"decision": "approve", "reason": "Visto"}
    for refused in (
        supervisor_program.post(f"{path}/review", decision, headers=read),
        supervisor_program.call("DELETE", path, json={"reason": "Error"}, headers=read),
    ):
        assert refused.status_code == 412
        (change,) = refused.get_json()["changes"]
        assert (change["field"], change["before"], change["after"]) == (
            "status",
            "IN_PROGRESS",
            "TO_REVIEW",
        )


def test_a_version_that_never_was_tells_no_changes(integrator: Program) -> None:
    path = f"/transactions/{integrator.post('/transactions', payment()).get_json()['id']}"
    for tag in ('"x"', '"99999999999"', '"' + "9" * 5000 + '"', '"9-1"', '"٣"'):
        refused = integrator.call(
            "PATCH",
            path,
            json={"amount": "2.00"},
            headers={"If-Match": tag.encode().decode("latin-1")},
        )
        assert refused.status_code == 412
        assert "changes" not in refused.get_json()


def test_a_program_that_names_no_version_decides_about_the_one_that_stands(
    supervisor_program: Program, bank: FakeGateway, cast: Cast
) -> None:
    theirs = payments.logged(cast.cashier)
    path = f"/transactions/{theirs.transaction_id}"
    bank.will_answer(answer(movement(theirs, phone="04160000000")))
    supervisor_program.get(f"{path}/status")
    decided = supervisor_program.post(f"{path}/review", {"decision": "reject", "reason": "No"})
    assert decided.get_json()["status"] == "CANCELED"
