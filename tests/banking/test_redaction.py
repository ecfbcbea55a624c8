"""What of a bank's answer is kept: everything but secrets, in a form that PostgreSQL takes."""

from __future__ import annotations

import pytest

from webapp.banking.exchange import Reply
from webapp.banking.redaction import kept_request, redacted, strike_out


@pytest.mark.parametrize("name", ["access_token", "Authorization", "CLIENT_SECRET", "password"])
def test_whatever_is_named_like_a_secret_is_struck_out(name):
    assert strike_out([{name: {"a": "secret"}, "b": 1}]) == [{name: "•••", "b": 1}]


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"a": 1.10, "b": [NaN, null, true]}', {"a": "1.10", "b": ["NaN", None, True]}),
        (b"plain \x00 \xff text", {"text": "plain � � text"}),
        (b'{"a\\u0000": "\\ud800"}', {"a�": "?"}),
        (b"", {"text": ""}),
    ],
)
def test_any_answer_can_be_kept(body, kept):
    assert redacted(Reply(200, {}, body)) == kept


def test_what_is_nested_too_deeply_is_kept_as_text():
    body = b"[" * 5000 + b"]" * 5000
    assert redacted(Reply(200, {}, body)) == {"text": body.decode()}


def test_a_request_is_kept_exactly_but_for_its_secrets():
    headers = {"Authorization": "Bearer the-token", "X-Channel": "WEB"}
    kept = kept_request("GET", "https://bank.test/v1/1?a=b%2Cc", headers=headers)
    assert kept == {
        "method": "GET",
        "url": "https://bank.test/v1/1?a=b%2Cc",
        "headers": {
            "Accept": "application/json",
            "Authorization": "Bearer •••",
            "X-Channel": "WEB",
        },
    }


def test_a_form_and_a_body_are_kept_field_by_field():
    form = {
        "grant_type": "password",
        "client_id": "the-client",
        "client_secret": "s",
        "username": "u",
        "password": "p",
        "scope": "payments",
    }
    kept = kept_request("POST", "https://bank.test/token", headers={}, form=form)
    assert kept["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert kept["form"] == {
        **form,
        **dict.fromkeys(("client_secret", "username", "password"), "•••"),
    }
    body = {"dataRequest": {"transaction": {"referenceNumber": "123456", "token": "t"}}}
    kept = kept_request("POST", "https://bank.test/v1", headers={}, body=body)
    assert kept["headers"]["Content-Type"] == "application/json"
    assert kept["body"] == {
        "dataRequest": {"transaction": {"referenceNumber": "123456", "token": "•••"}}
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@bank.test/token", "https://bank.test/token"),
        ("https://bank.test/t?client_secret=s&x=1", "https://bank.test/t?client_secret=•••&x=1"),
    ],
)
def test_secrets_that_stand_in_an_address_are_struck_out(url, shown):
    assert kept_request("GET", url, headers={})["url"] == shown


def test_a_secret_that_the_answer_repeats_is_struck_out_wherever_it_stands():
    reply = Reply(401, {}, b"<p>the-token is not valid</p>")
    assert redacted(reply, "the-token") == {"text": "<p>••• is not valid</p>"}
    escaped = Reply(200, {}, rb'{"echo": ["the\/token"], "the\/token": "a the\/token b"}')
    assert redacted(escaped, "the/token") == {"echo": ["•••"], "•••": "a ••• b"}
    broken = Reply(200, {}, rb'{"echo": "the\/token"')
    assert "the" not in redacted(broken, "the/token")["text"]
