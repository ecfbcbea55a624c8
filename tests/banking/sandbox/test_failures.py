"""Telling the bank to fail while it runs."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.banking.sandbox.conftest import Customer
from webapp.banking.sandbox.failures import Mode
from webapp.banking.sandbox.server import SandboxServer

pytestmark = pytest.mark.enable_socket

SILENT = [Mode.DOWN, Mode.HANG, Mode.RESET]
CUT = [Mode.SLOW, Mode.HALF_BODY]
WITH_STATUS = [mode for mode in Mode if mode.http_status]
SEARCH = {"phoneNum": "584141234567", "bankId": "0102", "startDt": "2026-11-24"}


def fail(customer: Customer, **order: Any) -> dict[str, Any]:
    answer = customer.admin("POST", "failures", order)
    assert answer.status_code == 201, answer.text
    kept: dict[str, Any] = answer.json()
    return kept


@pytest.mark.parametrize("mode", SILENT)
def test_the_bank_can_stop_answering_altogether(customer: Customer, mode: Mode) -> None:
    fail(customer, mode=mode)
    with pytest.raises(requests.ConnectionError):
        customer.token()


@pytest.mark.parametrize("mode", CUT)
def test_every_endpoint_can_break_off_its_answer(customer: Customer, mode: Mode) -> None:
    headers = customer.bearer()
    fail(customer, mode=mode)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        customer.token()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        customer.ask("100124000", headers)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        customer.post({}, headers)


@pytest.mark.parametrize("mode", WITH_STATUS)
def test_every_endpoint_can_answer_with_a_status(customer: Customer, mode: Mode) -> None:
    headers = customer.bearer()
    fail(customer, mode=mode)
    assert customer.token().status_code == mode.http_status
    assert customer.ask("100124000", headers).status_code == mode.http_status
    assert customer.post({}, headers).status_code >= 200


@pytest.mark.parametrize("mode", [Mode.GARBAGE, Mode.WRONG_TYPES, Mode.HUGE, Mode.CONTENT_TYPE])
def test_every_endpoint_can_say_200_and_make_no_sense(customer: Customer, mode: Mode) -> None:
    headers = customer.bearer()
    fail(customer, mode=mode)
    assert customer.token().status_code == 200
    assert customer.ask("100124000", headers).status_code == 200
    payload = {"dataRequest": customer.envelope() | {"transaction": {}}}
    assert customer.post(payload, headers).status_code == 200


def test_a_client_that_follows_a_redirect_is_seen(
    customer: Customer, sandbox: SandboxServer
) -> None:
    fail(customer, mode="redirect")
    answer = customer.token()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/elsewhere")
    assert sandbox.calls("other") == []
    requests.get(f"{sandbox.base_url}/elsewhere", timeout=30)
    assert [call.path for call in sandbox.calls("other")] == ["/elsewhere"]


def test_a_failure_can_strike_token_calls_only(customer: Customer) -> None:
    headers = customer.bearer()
    fail(customer, mode="503", calls="tokens")
    assert customer.token().status_code == 503
    assert customer.ask("100124000", headers).status_code == 200


def test_a_failure_can_spare_token_calls(customer: Customer) -> None:
    fail(customer, mode="500", calls="transactions")
    assert customer.ask("100124000").status_code == 500
    assert customer.search(referenceNumber="100124", **SEARCH).status_code == 500


def test_a_failure_can_strike_references_that_begin_alike(customer: Customer) -> None:
    fail(customer, mode="429", prefix="1001", retry_after=17)
    struck = customer.ask("HIS-100124000")
    assert (struck.status_code, struck.headers["Retry-After"]) == (429, "17")
    assert customer.ask("100224000").status_code == 200
    assert customer.search(referenceNumber="100124", **SEARCH).status_code == 429


def test_a_failure_can_end_after_some_calls(customer: Customer) -> None:
    fail(customer, mode="500", calls="transactions", count=2)
    statuses = [customer.ask("100124000").status_code for _ in range(3)]
    assert statuses == [500, 500, 200]
    assert customer.admin("GET", "failures").json() == {"failures": []}


def test_a_failure_can_end_after_some_seconds(customer: Customer, sandbox: SandboxServer) -> None:
    fail(customer, mode="500", calls="transactions", seconds=10)
    sandbox.bank.clock.advance(9)
    assert customer.ask("100124000").status_code == 500
    sandbox.bank.clock.advance(1)
    assert customer.ask("100124000").status_code == 200


def test_the_newest_failure_wins_and_one_can_be_lifted_alone(customer: Customer) -> None:
    fail(customer, mode="500")
    newest = fail(customer, mode="503")
    assert customer.token().status_code == 503
    assert customer.admin("DELETE", f"failures/{newest['id']}").status_code == 200
    assert customer.token().status_code == 500
    assert customer.admin("DELETE", f"failures/{newest['id']}").status_code == 404


def test_clearing_the_failures_cures_the_bank(customer: Customer) -> None:
    fail(customer, mode="down")
    assert customer.admin("DELETE", "failures").status_code == 200
    assert customer.token().status_code == 200


@pytest.mark.parametrize(
    ("order", "word"),
    [
        ({}, "mode"),
        ({"mode": "explode"}, "mode"),
        ({"mode": 500}, "mode"),
        ({"mode": "500", "calls": "some"}, "calls"),
        ({"mode": "500", "seconds": -1}, "seconds"),
        ({"mode": "500", "seconds": "NaN"}, "seconds"),
        ({"mode": "500", "seconds": True}, "seconds"),
        ({"mode": "500", "seconds": []}, "seconds"),
        ({"mode": "500", "count": 0}, "count"),
        ({"mode": "500", "count": 1.5}, "count"),
        ({"mode": "500", "prefix": "HIS"}, "prefix"),
        ({"mode": "500", "prefix": "100", "calls": "tokens"}, "prefix"),
        ({"mode": "500", "secods": 3}, "secods"),
        ([], "objeto JSON"),
        ("500", "objeto JSON"),
        (None, "Content-Type"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_a_sentence(
    customer: Customer, order: Any, word: str
) -> None:
    answer = customer.admin("POST", "failures", order)
    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert customer.admin("GET", "failures").json() == {"failures": []}
