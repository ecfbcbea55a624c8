"""The dialect `status`: what each family of references answers, and what the store does."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from tests.banking.sandbox.conftest import Customer
from webapp.banking.sandbox.clock import machine_time
from webapp.banking.sandbox.server import SandboxServer

pytestmark = pytest.mark.enable_socket

HONEST = {
    "status": "approved",
    "amount": "1240.00",
    "currency": "VES",
    "date": "2026-11-24",
    "concept": "Pago recibido",
    "transaction_type": "TRANSACTION",
}


def test_an_approved_payment_carries_what_was_asked_and_nothing_about_the_payer(
    customer: Customer,
) -> None:
    answer = customer.ask("100124000")
    assert answer.status_code == 200
    assert answer.json() == HONEST | {"reference": "100124000"}


@pytest.mark.parametrize(
    ("family", "difference"),
    [
        ("110", {"status": "completed", "amount": 1240.0}),
        ("130", {}),
        ("140", {"transaction_type": "COMMISSION"}),
        ("150", {}),
        ("200", {"amount": "1241.00"}),
        ("210", {"customer_phone": "04160000001"}),
        ("220", {"customer_national_id": "V99999999"}),
        ("230", {"reference": "769875999"}),
        ("240", {"currency": "USD"}),
        ("250", {"date": "2026-11-21"}),
        ("300", {"status": "rejected"}),
        ("310", {"status": "reversed"}),
        ("320", {"status": "cancelled"}),
        ("330", {"status": "failed"}),
        ("410", {"status": "processing"}),
        ("920", {"status": "en_revision_interna"}),
    ],
)
def test_a_family_differs_from_an_approved_payment_in_one_thing(
    customer: Customer, family: str, difference: dict[str, Any]
) -> None:
    reference = f"{family}124000"
    assert customer.ask(reference).json() == HONEST | {"reference": reference} | difference


def test_one_family_says_success_and_nothing_else(customer: Customer) -> None:
    assert customer.ask("120124000").json() == {"status": "success"}


@pytest.mark.parametrize(
    ("reference", "amount"),
    [("100000001", "0.01"), ("100999999", "9999.99"), ("100000000", "10000.00")],
)
def test_the_last_six_digits_are_the_amount_in_centimos(
    customer: Customer, reference: str, amount: str
) -> None:
    assert customer.ask(reference).json()["amount"] == amount


def test_a_key_behaves_as_the_nine_digits_that_it_ends_with(customer: Customer) -> None:
    assert customer.ask("HIS-2026-200124000").json()["amount"] == "1241.00"


@pytest.mark.parametrize("key", ["600124000", "610124000", "123456789", "HIS-1", "x", "١٠٠١٢٤٠٠٠"])
def test_what_the_bank_does_not_know_is_404(customer: Customer, key: str) -> None:
    answer = customer.ask(key)
    assert (answer.status_code, answer.json()) == (404, {"error": "not_found"})


def test_a_pending_payment_is_approved_half_a_minute_after_the_first_question(
    customer: Customer, sandbox: SandboxServer
) -> None:
    assert customer.ask("400124000").json()["status"] == "pending"
    sandbox.bank.clock.advance(29)
    assert customer.ask("HIS-400124000").json()["status"] == "pending"
    sandbox.bank.clock.advance(1)
    assert customer.ask("400124000").json()["status"] == "approved"
    assert customer.ask("400000500").json()["status"] == "pending"


def test_a_late_payment_appears_a_minute_after_the_first_question(
    customer: Customer, sandbox: SandboxServer
) -> None:
    assert customer.ask("500124000").status_code == 404
    sandbox.bank.clock.advance(59)
    assert customer.ask("500124000").status_code == 404
    sandbox.bank.clock.advance(1)
    assert customer.ask("500124000").json() == HONEST | {"reference": "500124000"}


@pytest.mark.parametrize(
    ("family", "status"),
    [
        ("720", 429),
        ("800", 500),
        ("810", 503),
        ("820", 502),
        ("830", 504),
        ("840", 401),
        ("850", 400),
        ("860", 422),
        ("870", 409),
        ("880", 204),
        ("890", 403),
        ("960", 302),
    ],
)
def test_a_family_answers_with_its_http_status(
    customer: Customer, family: str, status: int
) -> None:
    answer = customer.ask(f"{family}124000")
    assert answer.status_code == status
    assert "Retry-After" not in answer.headers


def test_the_rate_limit_says_when_to_come_back_in_seconds_or_as_a_date(customer: Customer) -> None:
    assert customer.ask("700124000").headers["Retry-After"] == "5"
    moment = parsedate_to_datetime(customer.ask("710124000").headers["Retry-After"])
    assert -2 <= (moment - machine_time()).total_seconds() <= 6


def test_a_hanging_call_ends_without_an_answer(customer: Customer, sandbox: SandboxServer) -> None:
    with pytest.raises(requests.ConnectionError):
        customer.ask("900124000")
    [call] = sandbox.calls("transactions")
    assert (call.status, call.outcome) == (None, "hang")


def test_a_connection_can_be_reset(customer: Customer) -> None:
    with pytest.raises(requests.ConnectionError, match="reset"):
        customer.ask("970124000")


@pytest.mark.parametrize("family", ["930", "980"])
def test_a_body_can_stop_in_the_middle(customer: Customer, family: str) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        customer.ask(f"{family}124000")


def test_garbage_is_html_that_says_200(customer: Customer) -> None:
    answer = customer.ask("910124000")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_the_right_answer_can_come_under_the_wrong_content_type(customer: Customer) -> None:
    answer = customer.ask("990124000")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.json()["status"] == "approved"


def test_the_last_digit_chooses_among_ten_wrong_shapes(customer: Customer) -> None:
    bodies = {customer.ask(f"94012400{digit}").text for digit in range(10)}
    assert len(bodies) == 10


def test_a_huge_body_is_still_json(customer: Customer) -> None:
    answer = customer.ask("950124000")
    assert len(answer.content) > 300_000
    assert answer.json()["status"] == "approved"


def test_a_movement_of_the_store_goes_before_its_family(customer: Customer) -> None:
    movement = {
        "key": "HIS-77",
        "reference": "600000100",
        "amount": "12.50",
        "status": "rejected",
        "phone": "584141112233",
        "national_id": "V1234567",
        "currency": "USD",
        "date": "2026-11-20",
        "concept": "Rayos X",
    }
    assert customer.admin("POST", "movements", movement).status_code == 201
    expected = {
        "reference": "600000100",
        "amount": "12.50",
        "status": "rejected",
        "customer_phone": "04141112233",
        "customer_national_id": "V1234567",
        "currency": "USD",
        "date": "2026-11-20",
        "concept": "Rayos X",
        "transaction_type": "TRANSACTION",
    }
    assert customer.ask("HIS-77").json() == expected
    assert customer.ask("600000100").json() == expected


def test_a_movement_stays_hidden_until_it_appears(
    customer: Customer, sandbox: SandboxServer
) -> None:
    movement = {"reference": "100000100", "amount": "1", "appears_after": 30}
    customer.admin("POST", "movements", movement)
    assert customer.ask("100000100").status_code == 404
    sandbox.bank.clock.advance(30)
    assert customer.ask("100000100").status_code == 200


def test_a_payment_is_answered_before_the_commission_that_shares_its_reference(
    customer: Customer,
) -> None:
    assert customer.ask("045678901").json()["transaction_type"] == "TRANSACTION"
