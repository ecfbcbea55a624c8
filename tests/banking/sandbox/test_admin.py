"""The admin endpoints: movements, the log of calls, the clock, and who may use them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.banking.sandbox.conftest import Customer
from webapp.banking.sandbox.app import create_sandbox
from webapp.banking.sandbox.bank import Bank
from webapp.banking.sandbox.server import SandboxServer
from webapp.banking.sandbox.settings import SandboxSettings

pytestmark = pytest.mark.enable_socket


def test_movements_are_listed_added_and_removed(customer: Customer) -> None:
    seeded = customer.admin("GET", "movements").json()["movements"]
    assert len(seeded) == 5
    added = customer.admin("POST", "movements", {"key": "HIS-987654321", "amount": 10.5})
    assert added.status_code == 201
    movement = added.json()
    assert movement["reference"] == "987654321"
    assert movement["amount"] == "10.5"
    assert movement["visible"] is True
    assert customer.ask("HIS-987654321").status_code == 200
    assert customer.admin("DELETE", f"movements/{movement['id']}").status_code == 200
    assert customer.ask("HIS-987654321").status_code == 404
    assert customer.admin("DELETE", f"movements/{movement['id']}").status_code == 404
    assert customer.admin("GET", "movements").json()["movements"] == seeded


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        ({"amount": "1"}, "reference"),
        ({"reference": "12a4", "amount": "1"}, "reference"),
        ({"reference": "١٢٣٤", "amount": "1"}, "reference"),
        ({"reference": 123456789, "amount": "1"}, "reference"),
        ({"reference": "123456789"}, "amount"),
        ({"reference": "123456789", "amount": "1.240,00"}, "amount"),
        ({"reference": "123456789", "amount": "NaN"}, "amount"),
        ({"reference": "123456789", "amount": "1e400"}, "amount"),
        ({"reference": "123456789", "amount": True}, "amount"),
        ({"reference": "123456789", "amount": "-1"}, "amount"),
        ({"reference": "123456789", "amount": "1", "date": "24/11/2026"}, "date"),
        ({"reference": "123456789", "amount": "1", "phone": "414"}, "phone"),
        ({"reference": "123456789", "amount": "1", "payer_bank": "134"}, "payer_bank"),
        ({"reference": "123456789", "amount": "1", "concept": "a\u0000"}, "concept"),
        ({"reference": "123456789", "amount": "1", "concept": "x" * 501}, "concept"),
        ({"reference": "123456789", "amount": "1", "direction": "IN"}, "direction"),
        ({"reference": "123456789", "amount": "1", "transaction_type": "X"}, "transaction_type"),
        ({"reference": "123456789", "amount": "1", "montoo": "1"}, "montoo"),
    ],
)
def test_a_movement_that_makes_no_sense_is_refused_with_a_sentence(
    customer: Customer, payload: dict[str, Any], word: str
) -> None:
    answer = customer.admin("POST", "movements", payload)
    assert answer.status_code == 400
    assert word in answer.json()["error"]


def test_every_call_at_the_bank_is_logged_and_no_secret_with_it(customer: Customer) -> None:
    token = customer.bearer()
    customer.ask("100124000", token)
    customer.ask("600124000", token)
    customer.ask("600124000", token)
    log = customer.admin("GET", "calls").json()
    assert log["total"] == 4
    assert [(call["kind"], call["key"], call["status"]) for call in log["calls"]] == [
        ("token", None, 200),
        ("transactions", "100124000", 200),
        ("transactions", "600124000", 404),
        ("transactions", "600124000", 404),
    ]
    assert log["worst_window"] == {"seconds": 60, "calls": 2, "key": "600124000"}
    text = json.dumps(log)
    assert token["Authorization"].removeprefix("Bearer ") not in text
    assert "sandbox-secret" not in text
    chosen = customer.admin("GET", "calls?kind=transactions&key=600124000&limit=1").json()
    assert [call["number"] for call in chosen["calls"]] == [4]
    assert customer.admin("GET", "calls?limit=x").status_code == 400


def test_calls_that_reach_no_endpoint_are_logged_too(
    customer: Customer, sandbox: SandboxServer
) -> None:
    requests.get(f"{sandbox.base_url}/nowhere", timeout=30)
    requests.get(sandbox.auth_url, timeout=30)
    assert [(call.kind, call.status) for call in sandbox.calls()] == [
        ("other", 404),
        ("other", 405),
    ]
    customer.admin("DELETE", "calls")
    assert sandbox.calls() == []


def test_the_clock_can_be_set_forward(customer: Customer) -> None:
    assert customer.ask("500124000").status_code == 404
    assert customer.admin("POST", "clock", {"advance": 60}).status_code == 200
    assert customer.ask("500124000").status_code == 200
    assert customer.admin("POST", "clock", {}).status_code == 400


def test_a_token_order_that_makes_no_sense_is_refused(customer: Customer) -> None:
    assert customer.admin("POST", "token", {"expire_all": "yes"}).status_code == 400
    assert customer.admin("POST", "token", {"lifetime": "soon"}).status_code == 400


def test_a_reset_brings_back_the_beginning(customer: Customer) -> None:
    token = customer.bearer()
    customer.admin("POST", "movements", {"reference": "123456789", "amount": "1"})
    customer.admin("POST", "failures", {"mode": "down"})
    customer.admin("POST", "clock", {"advance": 60})
    assert customer.admin("POST", "reset").status_code == 200
    assert customer.admin("GET", "calls").json()["total"] == 0
    assert customer.admin("GET", "failures").json() == {"failures": []}
    assert len(customer.admin("GET", "movements").json()["movements"]) == 5
    assert customer.ask("100124000", token).status_code == 401


@pytest.mark.parametrize("remote", ["192.168.1.7", "8.8.8.8", "2001:db8::1", ""])
def test_other_machines_may_not_give_orders(remote: str) -> None:
    app = create_sandbox(Bank())
    client = app.test_client()
    for method, path in (
        ("GET", "/admin/calls"),
        ("POST", "/admin/reset"),
        ("POST", "/play/reset"),
    ):
        answer = client.open(path, method=method, environ_base={"REMOTE_ADDR": remote})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_foreign_web_page_may_not_give_orders(
    customer: Customer, sandbox: SandboxServer, headers: dict[str, str]
) -> None:
    answer = requests.post(f"{sandbox.base_url}/admin/reset", headers=headers, timeout=30)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "127.0.0.1.evil.example", "192.168.1.7", "%"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/static/sandbox.css"),
        ("GET", "/no-such-page"),
        ("POST", "/oauth/token"),
        ("GET", "/v1/transactions/100124000"),
        ("POST", "/v1/confirmation"),
        ("GET", "/admin/calls"),
        ("POST", "/admin/reset"),
        ("POST", "/play/reset"),
    ],
)
def test_nothing_is_answered_under_a_foreign_host_name(
    sandbox: SandboxServer, host: str, method: str, path: str
) -> None:
    """A web page of that name, made to lead to this machine, would read the answer."""
    answer = requests.request(
        method, f"{sandbox.base_url}{path}", headers={"Host": host}, timeout=5
    )
    assert answer.status_code == 421
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.8.8:9", "[::1]:9"]
)
def test_every_name_of_this_machine_is_answered(sandbox: SandboxServer, host: str) -> None:
    answer = requests.get(sandbox.base_url, headers={"Host": host}, timeout=5)
    assert answer.status_code == 200


def test_the_address_it_listens_on_and_the_names_that_are_set_are_answered() -> None:
    settings = SandboxSettings.from_environment({"SANDBOX_ALLOWED_HOSTS": "Bank.test, sandbox,"})
    client = create_sandbox(Bank(settings), listens_on="10.0.0.7").test_client()
    for host in ("bank.test:8765", "sandbox", "10.0.0.7", "localhost"):
        assert client.get("/", headers={"Host": host}).status_code == 200
    assert client.get("/", headers={"Host": "other.test"}).status_code == 421


def test_an_oversized_request_is_refused(sandbox: SandboxServer) -> None:
    answer = requests.post(
        f"{sandbox.base_url}/admin/movements", json={"key": "x" * 1_100_000}, timeout=30
    )
    assert answer.status_code == 413
