"""Integrators register webhooks and see how deliveries went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from werkzeug.test import TestResponse

from tests.support import bank as banks
from tests.support import payments
from tests.support.bank import FakeGateway
from tests.support.logs import watched
from tests.support.people import Cast, create_person
from tests.support.programs import Program
from tests.support.receivers import Names, Receiver, receiving
from tests.support.threads import together
from webapp.kernel.permissions import Role
from webapp.transactions import checking
from webapp.webhooks.addresses import Addresses
from webapp.webhooks.delivery import deliver_due
from webapp.webhooks.sending import Sender

EVENTS = ["transaction.completed", "transaction.canceled"]


@pytest.fixture
def sender(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Sender:
    """Install a sender for which every host name resolves to loopback, as the development setting allows."""
    rule = Addresses(allow_private=True, resolve=Names(["127.0.0.1"]))
    sender = Sender(rule, seconds=5)
    monkeypatch.setitem(app.extensions, "webhooks", sender)
    return sender


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as program:
        yield program


@pytest.fixture
def administrator(app: Flask, cast: Cast) -> Program:
    return Program(app, cast.admin)


@pytest.fixture
def other_integrator(app: Flask, cast: Cast) -> Program:
    return Program(app, create_person("erp@clinic.test", "Otro Sistema", Role.INTEGRATOR))


def register(program: Program, url: str = "https://his.clinic.test/in", **more: Any) -> Any:
    answer = program.post("/webhooks", {"url": url, "events": EVENTS, **more})
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def problems(answer: TestResponse) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {item["field"]: item["detail"] for item in answer.get_json()["errors"]}


def test_a_secret_is_shown_once(integrator: Program, sender: Sender) -> None:
    created = integrator.post("/webhooks", {"url": "https://his.clinic.test/in", "events": EVENTS})
    assert created.headers["Cache-Control"] == "no-store"
    made = created.get_json()
    assert made["secret"].startswith("whsec_")
    assert (made["events"], made["is_active"], made["description"]) == (EVENTS, True, "")
    key = f"/webhooks/{made['id']}"
    for answer in (
        integrator.get(key),
        integrator.get("/webhooks"),
        integrator.call("PATCH", key, json={"description": "HIS"}),
    ):
        assert answer.status_code == 200
        assert made["secret"] not in answer.text
        assert "whsec_" not in answer.text
    assert integrator.get("/webhooks").get_json()["items"][0]["description"] == "HIS"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": EVENTS}, "url"),
        ({"url": 5, "events": EVENTS}, "url"),
        ({"url": "https://his.clinic.test/" + "a" * 2000, "events": EVENTS}, "url"),
        ({"url": "ftp://his.clinic.test", "events": EVENTS}, "url"),
        ({"url": "https://u:p@his.clinic.test", "events": EVENTS}, "url"),
        ({"url": "https://his.clinic.test/\u0000", "events": EVENTS}, "url"),
        ({"url": "https://his.clinic.test/\ud800", "events": EVENTS}, "url"),
        ({"url": "https://his.clinic.test"}, "events"),
        ({"url": "https://his.clinic.test", "events": []}, "events"),
        ({"url": "https://his.clinic.test", "events": "transaction.completed"}, "events"),
        ({"url": "https://his.clinic.test", "events": ["transaction.exploded"]}, "events.0"),
        ({"url": "https://his.clinic.test", "events": ["webhook.test"]}, "events.0"),
        ({"url": "https://his.clinic.test", "events": [None]}, "events.0"),
        (
            {"url": "https://his.clinic.test", "events": EVENTS, "description": "a" * 201},
            "description",
        ),
        (
            {"url": "https://his.clinic.test", "events": EVENTS, "description": "\u0000"},
            "description",
        ),
        (
            {"url": "https://his.clinic.test", "events": EVENTS, "description": "\udc00"},
            "description",
        ),
        ({"url": "https://his.clinic.test", "events": EVENTS, "secret": "mine"}, "secret"),
    ],
)
def test_wrong_fields_are_refused_by_name(
    integrator: Program, sender: Sender, body: dict[str, Any], field: str
) -> None:
    assert field in problems(integrator.post("/webhooks", body))
    assert integrator.get("/webhooks").get_json()["items"] == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://hooks.example/in", "https://"),
        ("https://127.0.0.1/in", "no es pública"),
        ("https://[::1]/in", "no es pública"),
        ("https://169.254.169.254/latest/meta-data", "no es pública"),
        ("https://10.1.2.3:8443/in", "no es pública"),
        ("https://localhost/in", "no es pública"),
        ("https://hooks.example:22/in", "Puertos permitidos: 443, 8443."),
        ("https://hooks.example:25/in", "Puertos permitidos: 443, 8443."),
    ],
)
def test_private_addresses_are_refused_unless_the_settings_allow_them(
    integrator: Program, url: str, sentence: str
) -> None:
    """The application has its default settings here."""
    answer = integrator.post("/webhooks", {"url": url, "events": EVENTS})
    assert sentence in problems(answer)["url"]


def test_a_changed_address_is_checked_like_a_new_one(
    app: Flask, integrator: Program, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = register(integrator)
    monkeypatch.setitem(app.extensions, "webhooks", Sender(Addresses()))
    for url, sentence in [
        ("https://127.0.0.1/in", "no es pública"),
        ("https://hooks.example:22/in", "Puertos permitidos"),
    ]:
        answer = integrator.call("PATCH", f"/webhooks/{made['id']}", json={"url": url})
        assert sentence in problems(answer)["url"]
    assert integrator.get(f"/webhooks/{made['id']}").get_json()["url"] == made["url"]


def test_parts_can_be_changed_and_the_rest_stays(integrator: Program, sender: Sender) -> None:
    made = register(integrator, description="HIS")
    key = f"/webhooks/{made['id']}"
    changes = {"events": ["transaction.updated", "transaction.completed", "transaction.updated"]}
    changed = integrator.call("PATCH", key, json=changes).get_json()
    assert changed["events"] == ["transaction.completed", "transaction.updated"]
    assert (changed["url"], changed["description"]) == (made["url"], "HIS")
    assert "events" in problems(integrator.call("PATCH", key, json={"events": []}))
    assert "is_active" in problems(integrator.call("PATCH", key, json={"is_active": "no"}))
    assert "owner_id" in problems(integrator.call("PATCH", key, json={"owner_id": "x"}))


def test_a_webhook_is_disabled_and_enabled(integrator: Program, sender: Sender) -> None:
    key = f"/webhooks/{register(integrator)['id']}"
    off = integrator.call("PATCH", key, json={"is_active": False}).get_json()
    assert (off["is_active"], off["disabled_reason"]) == (False, "by_owner")
    assert off["disabled_at"]
    refused = integrator.post(f"{key}/test", {})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "webhook_disabled")
    on = integrator.call("PATCH", key, json={"is_active": True}).get_json()
    assert (on["is_active"], on["disabled_reason"], on["disabled_at"]) == (True, None, None)
    assert integrator.post(f"{key}/test", {}).status_code == 202


def test_a_test_message_arrives_and_is_logged(
    app: Flask, integrator: Program, sender: Sender, receiver: Receiver
) -> None:
    made = register(integrator, receiver.url)
    key = f"/webhooks/{made['id']}"
    staged = integrator.post(f"{key}/test", {})
    assert (staged.status_code, staged.get_json()["status"]) == (202, "pending")
    receiver.will_answer(500, 200)
    assert deliver_due(sender=sender)
    one = f"{key}/deliveries/{staged.get_json()['id']}"
    failed = integrator.get(one).get_json()
    assert (failed["status"], failed["attempts"], failed["type"]) == ("pending", 1, "webhook.test")
    assert failed["next_attempt_at"]
    assert integrator.get(key).get_json()["failing_since"]
    (attempt,) = failed["log"]
    assert (attempt["http_status"], attempt["failure"], attempt["delivered"]) == (
        500,
        "status",
        False,
    )
    assert attempt["latency_ms"] >= 0
    (request,) = receiver.received
    told = Webhook(made["secret"]).verify(request.body, request.headers)
    assert (told["type"], told["data"]) == ("webhook.test", {"webhook_id": made["id"]})
    assert told == failed["payload"]


def test_a_delivery_can_be_sent_again_by_hand_under_the_same_id(
    app: Flask, integrator: Program, sender: Sender, receiver: Receiver
) -> None:
    key = f"/webhooks/{register(integrator, receiver.url)['id']}"
    staged = integrator.post(f"{key}/test", {}).get_json()
    assert deliver_due(sender=sender)
    again = integrator.post(f"{key}/deliveries/{staged['id']}/redeliver", {})
    assert (again.status_code, again.get_json()["status"]) == (202, "pending")
    assert deliver_due(sender=sender)
    assert receiver.ids == [staged["id"]] * 2
    seen = integrator.get(f"{key}/deliveries/{staged['id']}").get_json()
    assert (seen["status"], len(seen["log"])) == ("delivered", 2)


def test_after_a_rotation_both_secrets_sign_for_a_day(
    app: Flask, integrator: Program, sender: Sender, receiver: Receiver
) -> None:
    made = register(integrator, receiver.url)
    key = f"/webhooks/{made['id']}"
    rotated = integrator.post(f"{key}/rotate-secret", {})
    assert rotated.headers["Cache-Control"] == "no-store"
    fresh = rotated.get_json()
    assert fresh["secret"] != made["secret"]
    assert fresh["previous_secret_expires_at"]
    integrator.post(f"{key}/test", {})
    assert deliver_due(sender=sender)
    (request,) = receiver.received
    for secret in (made["secret"], fresh["secret"]):
        assert Webhook(secret).verify(request.body, request.headers)
    newest = integrator.post(f"{key}/rotate-secret", {}).get_json()["secret"]
    integrator.post(f"{key}/test", {})
    assert deliver_due(sender=sender)
    last = receiver.received[-1]
    for secret in (fresh["secret"], newest):
        assert Webhook(secret).verify(last.body, last.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(last.body, last.headers)


def test_deliveries_come_in_pages_newest_first_and_by_status(
    app: Flask, integrator: Program, sender: Sender, receiver: Receiver
) -> None:
    key = f"/webhooks/{register(integrator, receiver.url)['id']}"
    staged = [integrator.post(f"{key}/test", {}).get_json()["id"] for _ in range(3)]
    assert deliver_due(sender=sender)
    page = integrator.get(f"{key}/deliveries?size=2").get_json()
    assert [item["id"] for item in page["items"]] == staged[:0:-1]
    assert (page["total"], page["pages"], page["page"]) == (3, 2, 1)
    pending = integrator.get(f"{key}/deliveries?status=pending").get_json()
    assert {item["id"] for item in pending["items"]} == set(staged[1:])
    delivered = integrator.get(f"{key}/deliveries?status=delivered").get_json()
    assert [item["id"] for item in delivered["items"]] == staged[:1]
    assert integrator.get(f"{key}/deliveries?status=gave_up").get_json()["total"] == 0
    assert "status" in problems(integrator.get(f"{key}/deliveries?status=lost"))
    assert "size" in problems(integrator.get(f"{key}/deliveries?size=٥"))


def test_the_webhooks_of_others_are_visible_to_administrators_alone(
    app: Flask,
    integrator: Program,
    other_integrator: Program,
    administrator: Program,
    sender: Sender,
) -> None:
    made = register(integrator)
    key = f"/webhooks/{made['id']}"
    staged = integrator.post(f"{key}/test", {}).get_json()["id"]
    one = f"{key}/deliveries/{staged}"
    for method, path, body in (
        ("GET", key, None),
        ("PATCH", key, {"is_active": False}),
        ("DELETE", key, None),
        ("POST", f"{key}/rotate-secret", {}),
        ("POST", f"{key}/test", {}),
        ("GET", f"{key}/deliveries", None),
        ("GET", one, None),
        ("POST", f"{one}/redeliver", {}),
    ):
        assert other_integrator.call(method, path, json=body).status_code == 404, path
    assert other_integrator.get("/webhooks").get_json()["items"] == []
    assert administrator.get(one).status_code == 200
    (seen,) = administrator.get("/webhooks").get_json()["items"]
    assert seen["id"] == made["id"]
    own = register(other_integrator)
    mixed = other_integrator.get(f"/webhooks/{own['id']}/deliveries/{staged}")
    assert mixed.status_code == 404


@pytest.mark.parametrize(
    "key", ["x", "0", "0b8f1d4e-6f0a-4c6e-9d5e-2f4f3c1a7b60", "%00", "١", "{}"]
)
def test_an_unknown_webhook_is_not_found(integrator: Program, sender: Sender, key: str) -> None:
    assert integrator.get(f"/webhooks/{key}").status_code == 404
    made = register(integrator)
    assert integrator.get(f"/webhooks/{made['id']}/deliveries/{key}").status_code == 404


def test_removing_a_webhook_removes_its_deliveries(
    integrator: Program, sender: Sender, receiver: Receiver
) -> None:
    key = f"/webhooks/{register(integrator, receiver.url)['id']}"
    integrator.post(f"{key}/test", {})
    assert integrator.call("DELETE", key).status_code == 204
    assert integrator.get(key).status_code == 404
    assert integrator.call("DELETE", key).status_code == 404
    assert not deliver_due(sender=sender)


def test_a_user_has_at_most_twenty_webhooks_even_if_registered_at_once(
    app: Flask, integrator: Program, other_integrator: Program, sender: Sender
) -> None:
    for _ in range(18):
        register(integrator)
    body = {"url": "https://his.clinic.test/in", "events": EVENTS}
    answers = together(app, [lambda: integrator.post("/webhooks", body)] * 4)
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409]
    assert len(integrator.get("/webhooks").get_json()["items"]) == 20
    assert "20" in integrator.post("/webhooks", body).get_json()["detail"]
    register(other_integrator)


@pytest.mark.parametrize("role", ["cashier", "supervisor"])
def test_cashiers_and_supervisors_have_no_webhooks(
    app: Flask, cast: Cast, bank: FakeGateway, role: str
) -> None:
    program = Program(app, getattr(cast, role))
    assert program.get("/webhooks").status_code == 403


def test_a_user_who_may_not_read_payments_cannot_register_a_webhook(
    app: Flask, cast: Cast, administrator: Program, sender: Sender, bank: FakeGateway
) -> None:
    person = create_person("hooks@clinic.test", "Solo Webhooks", Role.INTEGRATOR)
    endpoint = register(Program(app, person))
    only = {"permissions": ["webhook:manage"]}
    assert administrator.call("PATCH", f"/users/{person.id}", json=only).status_code == 200
    program = Program(app, person)
    refused = program.post("/webhooks", {"url": endpoint["url"], "events": endpoint["events"]})
    assert refused.status_code == 403
    payment = payments.logged(cast.cashier)
    bank.will_answer(banks.answer(banks.movement(payment)))
    checking.check(payment.id, bank=app.extensions["bank"])
    log = program.get(f"/webhooks/{endpoint['id']}/deliveries").get_json()
    assert log["items"] == []


def test_neither_secret_nor_address_reaches_the_log(integrator: Program, sender: Sender) -> None:
    with watched() as lines:
        made = register(integrator, "https://his.clinic.test/in?key=very-private")
        integrator.get(f"/webhooks/{made['id']}")
    assert lines.entries("request")
    assert made["secret"] not in lines.text
    assert "very-private" not in lines.text
    assert made["id"] not in lines.text
