"""How a client asks for its token, as the settings say; the sandbox insists on it like the bank."""

from __future__ import annotations

import base64

import pytest

from webapp.banking.oauth import TokenStyle
from webapp.kernel.config import BankAccess

ACCESS = BankAccess(
    environment="qa",
    api_url="https://bank.example/v1",
    auth_url="https://bank.example/token",
    client_id="clinic:1",
    client_secret="s/e c",
)


def test_without_settings_the_credentials_travel_in_the_form():
    form, headers = TokenStyle().request(ACCESS)
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "clinic:1",
        "client_secret": "s/e c",
    }
    assert headers == {}


def test_the_password_grant_sends_id_and_secret_as_user_and_password():
    form, _ = TokenStyle(grant_type="password").request(ACCESS)
    assert (form["username"], form["password"]) == ("clinic:1", "s/e c")
    assert form["client_id"] == "clinic:1"


@pytest.mark.parametrize("grant_type", ["client_credentials", "password"])
def test_basic_keeps_the_client_out_of_the_form(grant_type: str):
    form, headers = TokenStyle(grant_type=grant_type, client_auth="basic").request(ACCESS)
    assert "client_secret" not in form
    given = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert given == "clinic%3A1:s%2Fe%20c"  # RFC 6749, 2.3.1: form-encoded before Basic


def test_a_scope_is_asked_for_only_where_one_is_set():
    assert "scope" not in TokenStyle().request(ACCESS)[0]
    assert TokenStyle(scope="payments").request(ACCESS)[0]["scope"] == "payments"
