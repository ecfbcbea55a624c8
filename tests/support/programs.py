"""A program that talks to the JSON API with its own token."""

from __future__ import annotations

from contextvars import Context
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.support import payments
from tests.support.people import PASSWORD, Person


class Program:
    """One integrator, or a person's script."""

    def __init__(self, app: Flask, person: Person | None = None) -> None:
        self.app = app
        self.token = ""
        if person:
            signed_in = self.post("/auth/login", {"email": person.email, "password": PASSWORD})
            assert signed_in.status_code == 200, signed_in.text
            self.token = signed_in.get_json()["access_token"]

    def call(self, method: str, path: str, **sent: Any) -> TestResponse:
        """One request under /api/v1, in a context of its own."""
        headers = dict(sent.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        client = self.app.test_client(use_cookies=False)
        response: TestResponse = Context().run(
            client.open, f"/api/v1{path}", method=method, headers=headers, **sent
        )
        if response.status_code >= 400:
            check_problem(response)
        return response

    def get(self, path: str, **sent: Any) -> TestResponse:
        return self.call("GET", path, **sent)

    def post(self, path: str, body: Any, **sent: Any) -> TestResponse:
        return self.call("POST", path, json=body, **sent)


def check_problem(response: TestResponse) -> None:
    """What every refusal owes to a program (RFC 9457)."""
    assert response.content_type.startswith("application/problem+json")
    content = response.get_json()
    assert content["status"] == response.status_code
    assert content["code"] and content["detail"] and content["title"]
    assert content["request_id"] == response.headers["X-Request-ID"]


def payment(**changes: Any) -> dict[str, Any]:
    """A valid payment as an integrator sends it (ERD 5.2)."""
    reference = changes.pop("reference", None) or payments.new_reference()
    customer = {
        "full_name": "Rosa Elena Villegas",
        "phone": "04141234567",
        "national_id": "V9876543",
        **changes.pop("customer", {}),
    }
    return {
        "transaction_id": f"HIS-{payments.new_reference()}",
        "reference": reference,
        "bank": "MOBILE_TRANSFER",
        "customer": customer,
        "amount": "1240.00",
        **changes,
    }
