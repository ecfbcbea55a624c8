"""The token endpoint: who gets a token, and when it ends."""

from __future__ import annotations

import base64

import pytest
import requests

from tests.banking.sandbox.conftest import Customer
from webapp.banking.sandbox.server import SandboxServer

pytestmark = pytest.mark.enable_socket


def test_right_credentials_get_a_bearer_token_for_five_minutes(customer: Customer) -> None:
    answer = customer.token(scope="confirmation")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    payload = answer.json()
    assert payload["token_type"] == "Bearer"
    assert payload["expires_in"] == 300
    assert payload["scope"] == "confirmation"
    assert len(payload["access_token"]) > 20


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": "contraseña"}, 401, "invalid_client"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
        ({"client_id": "sandbox-confirmation"}, 400, "unauthorized_client"),
        ({"grant_type": "password", "username": "sandbox-client"}, 401, "invalid_grant"),
    ],
)
def test_a_refusal_is_worded_as_rfc_6749_has_it(
    customer: Customer, form: dict[str, str], status: int, error: str
) -> None:
    answer = customer.token(**form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_confirmation_client_gets_a_token_with_the_password_grant(customer: Customer) -> None:
    answer = customer.token(
        grant_type="password",
        client_id="sandbox-confirmation",
        username="sandbox-confirmation",
        password="sandbox-secret",
    )
    assert answer.status_code == 200


def test_a_client_may_authenticate_by_http_basic(sandbox: SandboxServer) -> None:
    answer = requests.post(
        sandbox.auth_url,
        data={"grant_type": "client_credentials"},
        auth=("sandbox-client", "sandbox-secret"),
        timeout=30,
    )
    assert answer.status_code == 200
    wrong = base64.b64encode(b"sandbox-client:no").decode()
    refused = requests.post(
        sandbox.auth_url,
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {wrong}"},
        timeout=30,
    )
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic")


def test_a_token_request_in_json_is_refused(sandbox: SandboxServer) -> None:
    answer = requests.post(sandbox.auth_url, json={"grant_type": "password"}, timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_token_ends_when_its_time_is_over(customer: Customer, sandbox: SandboxServer) -> None:
    headers = customer.bearer()
    sandbox.bank.clock.advance(299)
    assert customer.ask("100124000", headers).status_code == 200
    sandbox.bank.clock.advance(1)
    assert customer.ask("100124000", headers).status_code == 401


def test_the_admin_ends_all_tokens_and_sets_their_lifetime(customer: Customer) -> None:
    headers = customer.bearer()
    changed = customer.admin("POST", "token", {"expire_all": True, "lifetime": 7})
    assert changed.json() == {"lifetime": 7, "expired": 1}
    assert customer.ask("100124000", headers).status_code == 401
    assert customer.token().json()["expires_in"] == 7


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "x"}])
def test_without_a_valid_token_nothing_is_answered(
    customer: Customer, headers: dict[str, str]
) -> None:
    answer = customer.ask("100124000", headers)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_token"})


def test_credentials_and_tokens_of_one_environment_are_worth_nothing_in_the_other(
    customer: Customer,
) -> None:
    token_of_qa = customer.bearer()
    customer.production = True
    assert customer.ask("100124000", token_of_qa).status_code == 401
    assert customer.ask("100124000").status_code == 200
    refused = customer.token(client_id="sandbox-client", client_secret="sandbox-secret")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
