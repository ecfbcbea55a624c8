"""Every route and every role in one table; what is not listed or declares nothing is refused."""

from __future__ import annotations

import re
import uuid

import pytest
from flask import Flask

from tests.support import payments
from tests.support.bank import FakeGateway
from tests.support.pages import Browser
from tests.support.people import PASSWORD, Cast, Person
from webapp.kernel.permissions import Actor, Permission
from webapp.web import error_pages, guard, language
from webapp.web.extensions import csrf
from webapp.web.guard import access_of

EVERYBODY = {"anonymous", "cashier", "supervisor", "integrator", "admin"}
SIGNED_IN = EVERYBODY - {"anonymous"}
SUPERVISING = {"supervisor", "admin"}
INTEGRATING = {"integrator", "admin"}

ROUTES: dict[tuple[str, str], set[str]] = {
    ("GET", "/assets/<digest>/<name>"): EVERYBODY,
    ("GET", "/health"): EVERYBODY,
    ("GET", "/health/ready"): EVERYBODY,
    ("GET", "/metrics"): EVERYBODY,
    ("GET", "/login"): EVERYBODY,
    ("POST", "/login"): EVERYBODY,
    ("GET", "/"): SIGNED_IN,
    ("GET", "/transactions"): SIGNED_IN,
    ("GET", "/transactions/new"): SIGNED_IN,
    ("POST", "/transactions/new"): SIGNED_IN,
    ("POST", "/transactions/new/notice"): SIGNED_IN,
    ("GET", "/transactions/<transaction_id>"): SIGNED_IN,
    ("POST", "/transactions/<transaction_id>/check"): SIGNED_IN,
    ("GET", "/transactions/<transaction_id>/edit"): SIGNED_IN,
    ("POST", "/transactions/<transaction_id>/edit"): SIGNED_IN,
    ("POST", "/transactions/<transaction_id>/delete"): SUPERVISING,
    ("POST", "/transactions/<transaction_id>/reopen"): {"admin"},
    ("POST", "/transactions/<transaction_id>/review"): SUPERVISING,
    ("GET", "/reviews"): SUPERVISING,
    ("GET", "/docs"): EVERYBODY,
    ("GET", "/redoc"): EVERYBODY,
    ("GET", "/api/v1/openapi.json"): EVERYBODY,
    ("GET", "/admin/users"): {"admin"},
    ("GET", "/admin/users/new"): {"admin"},
    ("POST", "/admin/users/new"): {"admin"},
    ("GET", "/admin/users/<uuid:user_id>"): {"admin"},
    ("POST", "/admin/users/<uuid:user_id>/details"): {"admin"},
    ("POST", "/admin/users/<uuid:user_id>/permissions"): {"admin"},
    ("POST", "/admin/users/<uuid:user_id>/password"): {"admin"},
    ("POST", "/admin/users/<uuid:user_id>/activity"): {"admin"},
    ("POST", "/admin/users/<uuid:user_id>/api-keys"): {"admin"},
    ("POST", "/admin/users/<uuid:user_id>/api-keys/<uuid:key_id>/revoke"): {"admin"},
    ("GET", "/admin/bank-calls"): {"admin"},
    ("GET", "/admin/bank-calls/<uuid:call_id>"): {"admin"},
    ("POST", "/api/v1/auth/register"): EVERYBODY,
    ("POST", "/api/v1/auth/login"): EVERYBODY,
    ("POST", "/api/v1/auth/refresh"): EVERYBODY,
    ("GET", "/api/v1/auth/me"): SIGNED_IN,
    ("POST", "/api/v1/transactions"): SIGNED_IN,
    ("GET", "/api/v1/transactions"): SIGNED_IN,
    ("POST", "/api/v1/transactions/batch"): SIGNED_IN,
    ("GET", "/api/v1/transactions/export"): SIGNED_IN,
    ("GET", "/api/v1/transactions/<payment:transaction_id>"): SIGNED_IN,
    ("PATCH", "/api/v1/transactions/<payment:transaction_id>"): SIGNED_IN - {"cashier"},
    ("DELETE", "/api/v1/transactions/<payment:transaction_id>"): SUPERVISING,
    ("GET", "/api/v1/transactions/<payment:transaction_id>/status"): SIGNED_IN,
    ("GET", "/api/v1/transactions/<payment:transaction_id>/events"): SIGNED_IN,
    ("POST", "/api/v1/transactions/<payment:transaction_id>/review"): SUPERVISING,
    ("POST", "/api/v1/transactions/<payment:transaction_id>/reopen"): {"admin"},
    ("POST", "/api/v1/webhooks"): INTEGRATING,
    ("GET", "/api/v1/webhooks"): INTEGRATING,
    ("GET", "/api/v1/webhooks/<webhook_id>"): INTEGRATING,
    ("PATCH", "/api/v1/webhooks/<webhook_id>"): INTEGRATING,
    ("DELETE", "/api/v1/webhooks/<webhook_id>"): INTEGRATING,
    ("POST", "/api/v1/webhooks/<webhook_id>/rotate-secret"): INTEGRATING,
    ("POST", "/api/v1/webhooks/<webhook_id>/test"): INTEGRATING,
    ("GET", "/api/v1/webhooks/<webhook_id>/deliveries"): INTEGRATING,
    ("GET", "/api/v1/webhooks/<webhook_id>/deliveries/<delivery_id>"): INTEGRATING,
    ("POST", "/api/v1/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver"): INTEGRATING,
    ("GET", "/api/v1/users"): {"admin"},
    ("POST", "/api/v1/users"): {"admin"},
    ("GET", "/api/v1/users/<uuid:user_id>"): {"admin"},
    ("PATCH", "/api/v1/users/<uuid:user_id>"): {"admin"},
    ("DELETE", "/api/v1/users/<uuid:user_id>"): {"admin"},
    ("GET", "/api/v1/users/<uuid:user_id>/api-keys"): {"admin"},
    ("POST", "/api/v1/users/<uuid:user_id>/api-keys"): {"admin"},
    ("DELETE", "/api/v1/users/<uuid:user_id>/api-keys/<uuid:key_id>"): {"admin"},
    # Last: they end the session.
    ("POST", "/api/v1/auth/logout"): SIGNED_IN,
    ("POST", "/logout"): SIGNED_IN,
}


def test_every_route_is_in_the_table(app: Flask):
    stands = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert stands == set(ROUTES)


def test_every_route_declares_who_may_use_it(app: Flask):
    undeclared = [name for name, view in app.view_functions.items() if access_of(view) is None]
    assert undeclared == []


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_each_role_reaches_its_routes_and_no_others(
    app: Flask, cast: Cast, bank: FakeGateway, role: str
):
    payment = payments.logged(cast.other_cashier)
    browser, token = Browser(app), None
    if role != "anonymous":
        person: Person = getattr(cast, role)
        browser.sign_in(person)
        answer = browser.client.post(
            "/api/v1/auth/login", json={"email": person.email, "password": PASSWORD}
        )
        token = answer.get_json()["access_token"]
    wrong = []
    for (method, rule), allowed in ROUTES.items():
        url = re.sub(r"<(?:payment:)?transaction_id>", payment.transaction_id, rule)
        url = url.replace("<uuid:call_id>", str(uuid.uuid4()))
        url = url.replace("<digest>", "0").replace("<name>", "none")
        # Nobody's: the cast must not be changed.
        url = re.sub(r"<uuid:\w+>", str(uuid.uuid4()), url)
        api = rule.startswith("/api/")
        headers = {"Authorization": f"Bearer {token}"} if api and token else {}
        response = browser._send(method.lower(), url, headers=headers)
        if rule.endswith("/edit") and role in ("cashier", "integrator"):
            # Their route, but somebody else's payment.
            assert response.status_code == 403
            continue
        if api:
            refused = response.status_code == 403 or (
                response.status_code == 401 and response.get_json()["code"] == "invalid_token"
            )
        else:
            to_login = response.headers.get("Location", "").startswith("/login")
            refused = response.status_code == 403 or (to_login and rule != "/logout")
            if rule == "/logout":
                refused = role == "anonymous" and to_login
        if refused == (role in allowed):
            wrong.append((method, rule, response.status_code))
        assert response.status_code != 500, (method, rule)
    assert wrong == []


def test_state_changes_only_by_post(app: Flask, cast: Cast, supervisor: Browser):
    payment = payments.logged(cast.cashier)
    for action in ("check", "delete", "reopen", "review"):
        page = supervisor.get(f"/transactions/{payment.transaction_id}/{action}")
        assert page.status == 405
        assert "POST" in page.response.headers["Allow"]
        assert "no se puede pedir de esa manera" in page.text
    assert supervisor.get("/logout").status == 405
    assert supervisor.get("/").status == 200
    assert payments.reread(payment).version == 1


def test_an_action_without_the_form_token_changes_nothing(
    app: Flask, cast: Cast, supervisor: Browser
):
    payment = payments.logged(cast.cashier)
    answer = supervisor._send(
        "post", f"/transactions/{payment.transaction_id}/delete", data={"reason": "Repetido"}
    )
    assert answer.status_code == 400
    assert "Este formulario venció" in answer.get_data(as_text=True)
    assert payments.reread(payment).deleted_at is None


class _Gate:
    """Lets everybody in, with one permission."""

    def actor(self) -> Actor:
        return Actor(uuid.uuid4(), "Planted", frozenset({Permission.TRANSACTION_READ}))

    def turn_away(self) -> str:
        return "turned away"


def test_a_route_that_declares_nothing_is_refused():
    app = Flask(__name__)
    app.config.update(SECRET_KEY="planted", WTF_CSRF_CHECK_DEFAULT=False)
    csrf.init_app(app)
    language.init_app(app)
    error_pages.init_app(app)
    guard.init_app(app, pages=_Gate(), api=_Gate())
    app.add_url_rule("/api/forgotten", view_func=lambda: "reached", endpoint="forgotten")
    app.add_url_rule(
        "/api/declared",
        view_func=guard.requires(Permission.TRANSACTION_READ)(lambda: "reached"),
        endpoint="declared",
    )
    app.add_url_rule(
        "/api/beyond",
        view_func=guard.requires(Permission.ADMIN_ACCESS)(lambda: "reached"),
        endpoint="beyond",
    )
    client = app.test_client()
    assert client.get("/api/declared").get_data(as_text=True) == "reached"
    assert client.get("/api/forgotten").status_code == 403
    assert client.get("/api/beyond").status_code == 403


def test_a_cashier_is_told_in_words_that_the_queue_is_not_theirs(cashier: Browser):
    page = cashier.get("/reviews")
    assert page.status == 403
    assert "Su usuario no tiene permiso" in page.text
