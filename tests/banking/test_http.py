"""One bounded HTTP call."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from tests.support.certificates import self_signed
from tests.support.properties import calmly
from tests.support.receivers import receiving
from webapp.banking.exchange import Reply
from webapp.banking.gateway import BankUnavailable, BankUnreadable
from webapp.banking.http import MAX_ANSWER_BYTES, BankHttp
from webapp.banking.sandbox.failures import Failure, Mode
from webapp.banking.sandbox.server import SandboxServer
from webapp.banking.sandbox.settings import SandboxSettings
from webapp.kernel.retry_after import parse_retry_after

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
URL = "https://bank.test/v1/transactions/1"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        (" 0 ", 0.0),
        ("99999999999999999999", 86_400.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 08:00:30 -0400", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2099 11:00:00 GMT", 86_400.0),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("٥", None),
        ("soon", None),
        ("Tue, 99 Nov 2026 12:00:30 GMT", None),
        ("Tue, 24 Nov 2026 12:00:30", None),
        ("Tue, 24 Nov 2026 12:00:30 +9999999999999999", None),
        ("Tue, 24 Nov 99999999999999999999 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_as_a_number_or_a_date(header, seconds):
    assert parse_retry_after(header, NOW) == seconds


@calmly
@given(st.text(max_size=60))
def test_no_retry_after_header_is_ever_an_error(header):
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"42",
        b'"approved"',
        b'[{"status": "approved"}]',
        b'{"amount": NaN}',
        b'{"amount": Infinity}',
        b'{"status": "appr',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"n": ' + b"9" * 10_000 + b"}",
    ],
)
def test_anything_but_a_json_object_cannot_be_read(body):
    with pytest.raises(BankUnreadable):
        Reply(200, {}, body).json_object()


def test_numbers_keep_every_digit():
    reply = Reply(200, {}, b'{"amount": 0.1000, "count": 7}')
    assert reply.json_object() == {"amount": "0.1000", "count": 7}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(settings=SandboxSettings(hang_seconds=60, drip_seconds=0.2)) as server:
        yield server


def send(sandbox: SandboxServer, mode: Mode, *, seconds: float = 5) -> Reply:
    """Call a bank that fails in one way."""
    token = requests.post(
        sandbox.auth_url,
        data={
            "grant_type": "client_credentials",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
        },
        timeout=5,
    ).json()["access_token"]
    sandbox.bank.failures.add(Failure(mode, calls="transactions"))
    return BankHttp().send(
        "GET",
        f"{sandbox.api_url}/transactions/100000123",
        seconds=seconds,
        headers={"Authorization": f"Bearer {token}"},
    )


@pytest.mark.parametrize("mode", [Mode.HANG, Mode.SLOW])
def test_a_bank_that_hangs_or_drips_is_cut_off_in_time(sandbox, mode):
    with ThreadPoolExecutor(1) as pool:
        given_up = pool.submit(send, sandbox, mode, seconds=0.5).exception(timeout=15)
    assert isinstance(given_up, BankUnavailable)
    assert given_up.detail == "no answer in time"


@pytest.mark.parametrize("tls", [False, True])
def test_headers_that_drip_are_cut_off_in_time(tmp_path, tls):
    certificate = self_signed(tmp_path, "localhost") if tls else None
    with receiving(certificate.serving() if certificate else None) as bank:
        bank.will_answer("drip")
        http = BankHttp(ca_bundle=certificate.path if certificate else None)
        url = bank.url.replace("hooks.clinic.test", "localhost")
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(http.send, "POST", url, seconds=0.5, headers={}, body={})
            given_up = sent.exception(timeout=15)
        assert isinstance(given_up, BankUnavailable)
        assert given_up.detail == "no answer in time"
        assert not bank.release.is_set()


@pytest.mark.parametrize("mode", [Mode.DOWN, Mode.RESET, Mode.HALF_BODY])
def test_a_connection_that_breaks_is_an_unavailable_bank(sandbox, mode):
    with pytest.raises(BankUnavailable):
        send(sandbox, mode)


def test_an_answer_without_end_is_not_read_to_its_end(sandbox):
    assert sandbox.bank.settings.huge_bytes > MAX_ANSWER_BYTES
    with pytest.raises(BankUnreadable, match="too large"):
        send(sandbox, Mode.HUGE)


def test_a_redirect_is_not_followed_so_the_token_goes_nowhere_else(sandbox):
    reply = send(sandbox, Mode.REDIRECT)
    assert 300 <= reply.status < 400
    assert not sandbox.calls("other")


def test_nobody_listening_is_an_unavailable_bank(sandbox):
    sandbox.stop()
    with pytest.raises(BankUnavailable, match="no connection"):
        BankHttp().send("GET", "http://127.0.0.1:9/x", seconds=1, headers={})


@responses.activate
def test_a_netrc_file_never_replaces_our_authorization(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine bank.test login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    responses.get(URL, json={})
    BankHttp().send("GET", URL, seconds=1, headers={"Authorization": "Bearer ours"})
    assert responses.calls[0].request.headers["Authorization"] == "Bearer ours"


@responses.activate
def test_tls_is_always_verified_by_the_bundle_where_one_is_set(tmp_path, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    bundle = tmp_path / "ca.pem"
    seen: list[Any] = []
    responses.get(URL, json={})
    for http in (BankHttp(), BankHttp(ca_bundle=bundle)):
        http.send("GET", URL, seconds=1, headers={})
        seen.append(vars(responses.calls[-1].request)["req_kwargs"]["verify"])
    assert seen == [True, str(bundle)]


@responses.activate
def test_a_compressed_answer_is_read_whole():
    long = b'{"more": "' + bytes(range(97, 122)) * 2000 + b'"}'
    responses.get(URL, body=gzip.compress(long), headers={"Content-Encoding": "gzip"})
    assert BankHttp().send("GET", URL, seconds=5, headers={}).body == long
