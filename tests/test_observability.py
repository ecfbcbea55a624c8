"""Request ids, log lines without personal data, and the metrics of ERD 11."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.support import payments
from tests.support.bank import FakeGateway
from tests.support.logs import watched
from tests.support.pages import Browser
from tests.support.people import PASSWORD, Cast

METRICS = {
    "http_requests_total": {"method", "endpoint", "status_code"},
    "http_request_duration_seconds": {"method", "endpoint"},
    "transactions_total": {"status", "bank"},
    "banesco_api_calls_total": {"status", "operation"},
    "webhook_deliveries_total": {"outcome"},
    "active_users": set(),
}
UNUSED_YET = {"active_users", "banesco_api_calls_total", "webhook_deliveries_total"}


def test_a_request_is_one_line_with_its_route_and_its_id(app: Flask, cast: Cast, cashier: Browser):
    payment = payments.logged(cast.cashier)
    with watched() as lines:
        page = cashier.get(f"/transactions/{payment.transaction_id}?phone=04141234567")
    (line,) = lines.entries("request")
    assert line["route"] == "/transactions/<transaction_id>"
    assert line["status"] == 200
    assert line["method"] == "GET"
    assert line["request_id"] == page.response.headers["X-Request-ID"]
    assert line["user"] == str(cast.cashier.id)
    assert line["milliseconds"] >= 0
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
    assert payment.transaction_id not in lines.text
    assert "04141234567" not in lines.text


def test_nothing_personal_is_logged_while_people_work(
    app: Flask, cast: Cast, bank: FakeGateway, anyone: Browser
):
    typed = payments.form(concept="Consulta de cardiología")
    with watched() as lines:
        anyone.post("/login", {"email": cast.cashier.email, "password": "wrong"}, form="/login")
        anyone.sign_in(cast.cashier)
        saved = anyone.post("/transactions/new", typed, form="/transactions/new")
        assert saved.status == 303
        anyone.post("/transactions/new", typed, form="/transactions/new")
        anyone.get("/transactions?q=Rosa&phone=04141234567&national_id=V9876543")
        anyone.get("/transactions?q=%00&phone=nada")
    for private in (
        cast.cashier.email,
        cast.cashier.full_name,
        "Rosa",
        "1234567",
        "9876543",
        "9.876.543",
        "cardiolog",
        typed["reference"],
        "1240",
        PASSWORD,
    ):
        assert private not in lines.text
    assert len(lines.entries("request")) > 6


def test_a_line_never_shows_the_path_of_an_unknown_page(anyone: Browser):
    with watched() as lines:
        anyone.get("/04141234567")
    (line,) = lines.entries("request")
    assert line["route"] == "(none)"
    assert "04141234567" not in lines.text


def test_a_request_id_that_makes_sense_is_kept(anyone: Browser):
    page = anyone.get("/health", headers={"X-Request-ID": "gateway-0123.abc_9"})
    assert page.response.headers["X-Request-ID"] == "gateway-0123.abc_9"


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "with space 123", "<script>alert", "ñandú-123456"]
)
def test_a_request_id_that_makes_no_sense_is_replaced(anyone: Browser, given: str):
    header = given.encode("utf-8").decode("latin-1")
    page = anyone.get("/health", headers={"X-Request-ID": header})
    assert re.fullmatch(r"[0-9a-f]{32}", page.response.headers["X-Request-ID"])


def test_two_requests_have_two_ids(anyone: Browser):
    ids = {anyone.get("/health").response.headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


def test_the_metrics_of_the_erd_are_there(app: Flask, cast: Cast, cashier: Browser):
    payments.logged(cast.cashier)
    text = cashier._send("get", "/metrics").get_data(as_text=True)
    for name, labels in METRICS.items():
        assert f"# TYPE {name.removesuffix('_total')}" in text or f"# TYPE {name}" in text
        samples = re.findall(rf"^{name}(?:_bucket|_count)?\{{([^}}]*)\}}", text, re.M)
        for sample in samples:
            assert labels <= set(re.findall(r"(\w+)=", sample))
        assert samples or name in UNUSED_YET


def test_active_users_counts_those_who_are_signed_in(
    app: Flask, cashier: Browser, supervisor: Browser
):
    text = cashier._send("get", "/metrics").get_data(as_text=True)
    assert re.search(r"^active_users 2\.0$", text, re.M)


def test_metrics_name_routes_and_never_payments(app: Flask, cast: Cast, cashier: Browser):
    payment = payments.logged(cast.cashier, transaction_id="FAC-METRICS-1")
    cashier.get(f"/transactions/{payment.transaction_id}")
    cashier._send("get", "/no/such/FAC-METRICS-2")
    cashier.client.open("/transactions", method="BREW")
    text = cashier._send("get", "/metrics").get_data(as_text=True)
    assert 'endpoint="/transactions/<transaction_id>"' in text
    assert "FAC-METRICS" not in text
    assert "BREW" not in text
