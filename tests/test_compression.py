"""Texts travel compressed, but not where their length would tell another site something."""

from __future__ import annotations

import gzip

import pytest

from tests.support import payments
from tests.support.pages import Browser
from tests.support.people import PASSWORD, Cast

GZIP = {"Accept-Encoding": "br, gzip;q=0.8"}
CONTENTS = ("/transactions/new", "/api/v1/openapi.json", "/metrics", "/login")


@pytest.mark.parametrize("url", CONTENTS)
def test_a_text_is_the_same_compressed_or_not(anyone: Browser, url: str):
    plain = anyone._send("get", url, headers={"Accept-Encoding": "gzip;q=0, *;q=0"})
    packed = anyone._send("get", url, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    if len(plain.data) >= 1000:
        assert packed.headers["Content-Encoding"] == "gzip"
        assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
        unpacked = gzip.decompress(packed.data)
        if url != "/metrics" and b"csrf_token" not in unpacked:
            assert unpacked == plain.data
    assert (
        "Accept-Encoding" in plain.headers["Vary"] and "Accept-Encoding" in packed.headers["Vary"]
    )


@pytest.mark.parametrize(
    ("site", "packed"),
    [("same-origin", True), ("none", True), ("cross-site", False), ("same-site", False)],
)
def test_a_page_that_another_site_asks_for_keeps_its_length_to_itself(
    cashier: Browser, site: str, packed: bool
):
    answer = cashier._send("get", "/transactions", headers={**GZIP, "Sec-Fetch-Site": site})
    assert ("Content-Encoding" in answer.headers) == packed


def test_a_short_answer_is_left_as_it_is(anyone: Browser):
    answer = anyone._send("get", "/health", headers=GZIP)
    assert "Content-Encoding" not in answer.headers
    assert answer.get_json()["status"] == "ok"


def test_a_version_of_a_payment_stands_for_exact_bytes(cast: Cast, supervisor: Browser):
    """A strong ETag names one spelling: programs compare it before they change the payment."""
    payment = payments.logged(cast.cashier)
    signed_in = supervisor.client.post(
        "/api/v1/auth/login", json={"email": cast.supervisor.email, "password": PASSWORD}
    )
    token = {"Authorization": f"Bearer {signed_in.get_json()['access_token']}"}
    one = supervisor._send(
        "get", f"/api/v1/transactions/{payment.transaction_id}", headers={**GZIP, **token}
    )
    assert one.headers["ETag"].startswith('"') and "Content-Encoding" not in one.headers


def test_an_export_is_sent_as_it_is_made(cast: Cast, cashier: Browser):
    """What is streamed has no end yet that could be compressed."""
    for _ in range(30):
        payments.logged(cast.cashier)
    signed_in = cashier.client.post(
        "/api/v1/auth/login", json={"email": cast.cashier.email, "password": PASSWORD}
    )
    token = {"Authorization": f"Bearer {signed_in.get_json()['access_token']}"}
    sheet = cashier._send("get", "/api/v1/transactions/export", headers={**GZIP, **token})
    assert sheet.status_code == 200 and "Content-Encoding" not in sheet.headers
