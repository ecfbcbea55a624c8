"""What of a bank's answer is kept: everything but secrets, in a form that PostgreSQL takes."""

from __future__ import annotations

import pytest

from webapp.banking.http import Reply
from webapp.banking.redaction import redacted, strike_out


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
