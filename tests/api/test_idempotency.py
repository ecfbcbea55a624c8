"""A request sent again under the same Idempotency-Key is carried out once and gets the same answer."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.bank import FakeGateway
from tests.support.logs import watched
from tests.support.people import Cast
from tests.support.programs import Program, payment
from tests.support.receivers import Names
from tests.support.threads import together
from webapp import create_app
from webapp.banking.connection import BankConnection
from webapp.idempotency import kept_answers
from webapp.kernel import clock
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.kernel.permissions import Permission
from webapp.transactions.worker import Worker
from webapp.web.guard import requires
from webapp.webhooks.addresses import Addresses
from webapp.webhooks.sending import Sender


def key(value: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": value or uuid.uuid4().hex}


def stored() -> int:
    found: int = db.session.scalar(text("SELECT count(*) FROM transactions"))
    db.session.rollback()
    return found


def kept() -> list[Any]:
    rows = db.session.execute(text("SELECT * FROM idempotency_keys")).all()
    db.session.rollback()
    return list(rows)


def test_the_same_request_again_gets_the_stored_answer(integrator: Program):
    sent, headers = payment(), key()
    first = integrator.post("/transactions", sent, headers=headers)
    again = integrator.post("/transactions/", sent, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.data == first.data
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.content_type == first.content_type
    assert stored() == 1


def test_spelling_the_same_json_in_another_way_is_the_same_request(integrator: Program):
    sent, headers = payment(), key()
    integrator.post("/transactions", sent, headers=headers)
    turned = dict(reversed(sent.items()))
    again = integrator.post("/transactions", turned, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_refusal_that_decides_nothing_leaves_the_key_free(integrator: Program):
    sent, headers = payment(), key()
    path, change = f"/transactions/{sent['transaction_id']}", {"amount": "2.00"}
    assert integrator.call("PATCH", path, json=change, headers=headers).status_code == 404
    made = integrator.post("/transactions", sent)
    stale = {**headers, "If-Match": '"99"'}
    assert integrator.call("PATCH", path, json=change, headers=stale).status_code == 412
    fresh = {**headers, "If-Match": made.headers["ETag"]}
    changed = integrator.call("PATCH", path, json=change, headers=fresh)
    assert (changed.status_code, changed.get_json()["amount"]) == (200, "2.00")
    again = integrator.call("PATCH", path, json=change, headers=fresh)
    assert again.headers["Idempotent-Replayed"] == "true"
    other_condition = integrator.call("PATCH", path, json=change, headers=stale)
    assert other_condition.get_json()["code"] == "idempotency_key_reused"


def test_another_body_or_another_address_under_the_key_is_refused(integrator: Program):
    sent, headers = payment(), key()
    made = integrator.post("/transactions", sent, headers=headers).get_json()
    other = integrator.post("/transactions", {**sent, "amount": "2.00"}, headers=headers)
    elsewhere = integrator.call(
        "PATCH", f"/transactions/{made['id']}", json={"amount": "2.00"}, headers=headers
    )
    for refused in (other, elsewhere):
        assert refused.status_code == 422
        assert refused.get_json()["code"] == "idempotency_key_reused"
    assert integrator.get(f"/transactions/{made['id']}").get_json()["amount"] == "1240.00"


def test_keys_belong_to_their_owner(integrator: Program, cashier_program: Program):
    headers = key("invoice-1")
    assert integrator.post("/transactions", payment(), headers=headers).status_code == 201
    assert cashier_program.post("/transactions", payment(), headers=headers).status_code == 201


@pytest.mark.parametrize("value", ["x" * 256, "", "ñandú", "tab\there", " ", "a\x7fb"])
def test_a_malformed_key_is_refused(integrator: Program, value: str):
    headers = {"Idempotency-Key": value}
    refused = integrator.post("/transactions", payment(), headers=headers)
    assert refused.status_code == 422
    assert refused.get_json()["code"] == "idempotency_key_invalid"
    assert stored() == 0


@pytest.mark.parametrize("value", ["x" * 255, "!", '"quoted"', "a key with spaces"])
def test_any_visible_ascii_is_a_key(integrator: Program, value: str):
    headers = {"Idempotency-Key": value}
    assert integrator.post("/transactions", payment(), headers=headers).status_code == 201


def test_twenty_at_once_make_one_payment(app: Flask, integrator: Program):
    sent, headers = payment(), key()
    answers = together(app, [lambda: integrator.post("/transactions", sent, headers=headers)] * 20)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {201, 409}
    bodies = {answer.data for answer in answers if answer.status_code == 201}
    assert len(bodies) == 1
    fresh = [a for a in answers if a.status_code == 201 and "Idempotent-Replayed" not in a.headers]
    assert len(fresh) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.get_json()["code"] == "idempotency_in_flight"
            assert answer.headers["Retry-After"] == "1"
    assert stored() == 1


def test_the_key_holds_over_two_processes(
    app: Flask, integrator: Program, bank: FakeGateway, database_url: str, tmp_path: Path
):
    other = second_app(database_url, tmp_path)
    elsewhere = Program(other)
    elsewhere.token = integrator.token
    sent, headers = payment(), key()
    first = integrator.post("/transactions", sent, headers=headers)
    again = elsewhere.post("/transactions", sent, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.data == first.data
    with other.app_context():
        db.engine.dispose()


def second_app(database_url: str, folder: Path) -> Flask:
    return create_app(
        Settings.from_environment(
            {
                "DATABASE_URL": database_url,
                "DATA_DIR": str(folder),
                "SECRET_KEY": "a-secret-of-the-tests-only",
            }
        )
    )


def test_a_refusal_is_repeated_with_the_id_of_the_repeating_request(integrator: Program):
    headers = key()
    wrong = payment(amount="0.00")
    first = integrator.post("/transactions", wrong, headers=headers)
    again = integrator.post("/transactions", wrong, headers=headers)
    assert (first.status_code, again.status_code) == (422, 422)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.get_json()["request_id"] == again.headers["X-Request-ID"]
    assert again.get_json()["request_id"] != first.get_json()["request_id"]


def test_an_internal_error_releases_the_key(
    app: Flask, integrator: Program, monkeypatch: pytest.MonkeyPatch
):
    sent, headers = payment(), key()
    whole = app.view_functions["api.create"]

    @requires(Permission.TRANSACTION_CREATE)
    def fails() -> None:
        raise RuntimeError("planted")

    monkeypatch.setitem(app.view_functions, "api.create", fails)
    assert integrator.post("/transactions", sent, headers=headers).status_code == 500
    assert kept() == []
    monkeypatch.setitem(app.view_functions, "api.create", whole)
    assert integrator.post("/transactions", sent, headers=headers).status_code == 201


def take(cast: Cast, digest: str = "d") -> kept_answers.Lease | kept_answers.KeptAnswer:
    return kept_answers.lease_key(
        owner_id=cast.cashier.id, key="k", route="POST /x", digests=[digest]
    )


def run_out() -> None:
    db.session.execute(text("UPDATE idempotency_keys SET leased_until = now() - interval '1 s'"))
    db.session.commit()


def test_a_second_attempt_waits_for_the_first_and_takes_over_when_its_lease_expires(
    app: Flask, cast: Cast
):
    first = take(cast)
    assert isinstance(first, kept_answers.Lease)
    with pytest.raises(kept_answers.KeyInFlight):
        take(cast)
    run_out()
    with pytest.raises(kept_answers.KeyReused):
        take(cast, digest="other content")
    second = take(cast)
    assert isinstance(second, kept_answers.Lease)
    # The first was only slow: it may no longer write the answer or free the key.
    kept_answers.keep(lease=first, answer=kept_answers.KeptAnswer(201, {}, b"first"))
    kept_answers.release(lease=first)
    kept_answers.keep(lease=second, answer=kept_answers.KeptAnswer(201, {"ETag": '"1"'}, b"second"))
    assert take(cast) == kept_answers.KeptAnswer(201, {"ETag": '"1"'}, b"second")


def test_only_one_of_many_takes_over_an_expired_lease(app: Flask, cast: Cast):
    take(cast)
    run_out()
    taken = together(app, [lambda: take(cast)] * 8)
    assert sum(isinstance(one, kept_answers.Lease) for one in taken) == 1
    assert sum(isinstance(one, kept_answers.KeyInFlight) for one in taken) == 7


def test_an_answer_is_kept_for_a_day_and_then_deleted(app: Flask, cast: Cast):
    lease = take(cast)
    assert isinstance(lease, kept_answers.Lease)
    kept_answers.keep(lease=lease, answer=kept_answers.KeptAnswer(201, {}, b"x"))
    (row,) = kept()
    assert row.expires_at - clock.now() > timedelta(hours=24)
    kept_answers.forget_expired()
    assert len(kept()) == 1
    db.session.execute(text("UPDATE idempotency_keys SET expires_at = now() - interval '1 s'"))
    db.session.commit()
    assert isinstance(take(cast, digest="other content"), kept_answers.Lease)


def test_the_worker_deletes_expired_answers(app: Flask, cast: Cast):
    take(cast)
    db.session.execute(text("UPDATE idempotency_keys SET expires_at = now() - interval '1 s'"))
    db.session.commit()
    bank: BankConnection = app.extensions["bank"]
    Worker(app=app, bank=bank, sender=app.extensions["webhooks"])._keep_house()
    assert kept() == []


def test_changes_decisions_deletions_and_batches_are_repeated_safely(
    integrator: Program, supervisor_program: Program
):
    batch = {"items": [payment(), payment()]}
    headers = key()
    first = integrator.post("/transactions/batch", batch, headers=headers)
    again = integrator.post("/transactions/batch", batch, headers=headers)
    assert again.data == first.data
    made = first.get_json()["items"][0]["transaction"]
    path = f"/transactions/{made['id']}"
    headers = key()
    for replayed in (None, "true"):
        changed = integrator.call("PATCH", path, json={"amount": "7.00"}, headers=headers)
        assert changed.status_code == 200
        assert changed.headers.get("Idempotent-Replayed") == replayed
    headers = key()
    reason = {"reason": "Duplicado"}
    for replayed in (None, "true"):
        gone = supervisor_program.call("DELETE", path, json=reason, headers=headers)
        assert (gone.status_code, gone.data) == (204, b"")
        assert gone.headers.get("Idempotent-Replayed") == replayed
    path = f"/transactions/{first.get_json()['items'][1]['transaction']['id']}"
    headers = key()
    decision = {"decision": "approve", "reason": "Visto"}
    for replayed in (None, "true"):
        decided = supervisor_program.post(f"{path}/review", decision, headers=headers)
        assert (decided.status_code, decided.get_json()["code"]) == (409, "not_decidable")
        assert decided.headers.get("Idempotent-Replayed") == replayed


@pytest.fixture
def administrator(app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return a program with the administrator's token; every host name of a webhook resolves to loopback."""
    rule = Addresses(allow_private=True, resolve=Names(["127.0.0.1"]))
    monkeypatch.setitem(app.extensions, "webhooks", Sender(rule, seconds=5))
    return Program(app, cast.admin)


NEW_USER = {
    "email": "caja2@clinica.com",
    "password": "una frase larga y propia",
    "full_name": "Carmen Rondón",
    "role": "cashier",
}
NEW_WEBHOOK = {"url": "https://his.clinic.test/in", "events": ["transaction.completed"]}


def test_a_user_is_created_once(administrator: Program):
    headers = key()
    first = administrator.post("/users", NEW_USER, headers=headers)
    again = administrator.post("/users", NEW_USER, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.data, again.headers["Location"]) == (first.data, first.headers["Location"])
    assert administrator.get("/users?q=caja2").get_json()["total"] == 1


def test_what_is_kept_of_a_body_with_a_password_cannot_be_tried_against_a_list_of_passwords(
    administrator: Program,
):
    one, other = key(), key()
    administrator.post("/users", NEW_USER, headers=one)
    administrator.post("/users", {**NEW_USER, "password": "another password"}, headers=other)
    digests = {row.request_digest for row in kept()}
    body = json.dumps(NEW_USER, sort_keys=True).encode()
    parts = (b"POST", b"/api/v1/users", b"", b"", body)
    plain = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert len(digests) == 2
    assert hashlib.sha256(plain).hexdigest() not in digests
    assert hashlib.sha256(body).hexdigest() not in digests


def test_a_request_is_recognised_after_the_signing_key_was_replaced(
    app: Flask, administrator: Program, monkeypatch: pytest.MonkeyPatch
):
    headers = key()
    first = administrator.post("/users", NEW_USER, headers=headers)
    settings: Settings = app.config["SETTINGS"]
    newer = settings.model_copy(
        update={
            "secret_key": "a-newer-secret-of-the-tests",
            "secret_key_fallbacks": (settings.secret_key,),
        }
    )
    monkeypatch.setitem(app.config, "SETTINGS", newer)
    again = administrator.post("/users", NEW_USER, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.data == first.data


def test_a_key_for_a_program_is_made_once_and_its_secret_is_never_kept(
    administrator: Program, cast: Cast
):
    headers, path = key(), f"/users/{cast.integrator.id}/api-keys"
    first = administrator.post(path, {"name": "HIS"}, headers=headers)
    assert (first.status_code, first.headers["Cache-Control"]) == (201, "no-store")
    again = administrator.post(path, {"name": "HIS"}, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.get_json()["code"]) == (409, "secret_shown_once")
    assert again.get_json()["id"] == first.get_json()["id"]
    assert again.get_json()["request_id"] == again.headers["X-Request-ID"]
    assert len(administrator.get(path).get_json()["items"]) == 1
    secret = first.get_json()["key"]
    assert secret.encode() not in b"".join(row.body for row in kept())


def test_a_webhook_is_registered_once_and_its_secret_is_never_kept(administrator: Program):
    headers = key()
    first = administrator.post("/webhooks", NEW_WEBHOOK, headers=headers)
    assert first.status_code == 201, first.text
    again = administrator.post("/webhooks", NEW_WEBHOOK, headers=headers)
    assert (again.status_code, again.get_json()["code"]) == (409, "secret_shown_once")
    assert again.get_json()["id"] == first.get_json()["id"]
    assert len(administrator.get("/webhooks").get_json()["items"]) == 1
    assert b"whsec_" not in b"".join(row.body for row in kept())


def test_a_secret_is_replaced_once_and_a_message_sent_once(administrator: Program):
    made = administrator.post("/webhooks", NEW_WEBHOOK).get_json()
    path = f"/webhooks/{made['id']}"
    headers = key()
    first = administrator.post(f"{path}/rotate-secret", None, headers=headers)
    assert first.status_code == 200
    assert administrator.post(f"{path}/rotate-secret", None, headers=headers).status_code == 409
    headers = key()
    sent = administrator.post(f"{path}/test", None, headers=headers)
    again = administrator.post(f"{path}/test", None, headers=headers)
    assert (sent.status_code, again.status_code, again.data) == (202, 202, sent.data)
    assert administrator.get(f"{path}/deliveries").get_json()["total"] == 1
    delivery = sent.get_json()["id"]
    headers = key()
    for replayed in (None, "true"):
        redelivered = administrator.post(
            f"{path}/deliveries/{delivery}/redeliver", None, headers=headers
        )
        assert redelivered.status_code == 202
        assert redelivered.headers.get("Idempotent-Replayed") == replayed


def test_tokens_are_never_kept(integrator: Program, cast: Cast):
    integrator.post("/auth/login", {"email": "a@b.test", "password": "x"}, headers=key())
    integrator.post("/auth/logout", {}, headers=key())
    assert kept() == []


def test_the_work_stands_where_its_answer_cannot_be_kept(app: Flask, integrator: Program):
    sent, headers = payment(), key()
    # The table refuses what is not an answer, as it would refuse everything while the disk is full.
    db.session.execute(
        text("ALTER TABLE idempotency_keys ADD CONSTRAINT planted CHECK (status IS NULL)")
    )
    db.session.commit()
    try:
        with watched() as lines:
            made = integrator.post("/transactions", sent, headers=headers)
    finally:
        db.session.execute(text("ALTER TABLE idempotency_keys DROP CONSTRAINT planted"))
        db.session.commit()
    assert made.status_code == 201
    assert lines.entries("idempotency_key_left")
    run_out()
    again = integrator.post("/transactions", sent, headers=headers)
    assert again.status_code == 200
    assert again.get_json()["id"] == made.get_json()["id"]
