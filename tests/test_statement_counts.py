"""How many statements each route sends to the database, and that more rows do not make them more.

A number that rises is a change to think about; one that falls is welcome, and is written down here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.support.asking import (
    ANYWHERE,
    Ask,
    House,
    a_delivery,
    a_key,
    a_person,
    an_endpoint,
    api,
    asset,
    credentials,
    decided,
    form,
    new_payment,
    newcomer,
    page,
    sign_in,
    sign_out,
    to_check,
    to_decide,
    token_exchange,
    typed_payment,
)
from tests.support.background import settle
from tests.support.bank import FakeGateway
from tests.support.counting import counted_statements
from tests.support.people import Cast
from webapp.throttling import request_rate
from webapp.webhooks.sending import Sender

WHY = "Vi el estado de cuenta"
USER = "/admin/users/{subject}"

ROUTES: dict[tuple[str, str], tuple[int, Ask]] = {
    ("GET", "/assets/<digest>/<name>"): (0, asset),
    ("GET", "/health"): (0, page("/health")),
    ("GET", "/health/ready"): (1, page("/health/ready")),
    ("GET", "/metrics"): (1, page("/metrics")),
    ("GET", "/docs"): (0, page("/docs")),
    ("GET", "/redoc"): (0, page("/redoc")),
    # Signing in and out
    ("GET", "/login"): (0, page("/login", by="")),
    ("POST", "/login"): (19, sign_in),
    ("POST", "/logout"): (2, sign_out),
    # Payments
    ("GET", "/"): (6, page("/")),
    ("GET", "/transactions"): (6, page("/transactions?status=IN_PROGRESS")),
    ("GET", "/transactions/new"): (3, page("/transactions/new")),
    ("POST", "/transactions/new/notice"): (
        3,
        form(
            "/transactions/new/notice",
            {"notice": "Pago Bs. 1,00 Ref: 123456"},
            of="/transactions/new",
        ),
    ),
    ("POST", "/transactions/new"): (
        2,
        form("/transactions/new", typed_payment, by="cashier"),
    ),
    ("GET", "/transactions/<transaction_id>"): (8, page("/transactions/{payment}")),
    ("POST", "/transactions/<transaction_id>/check"): (
        4,
        form("/transactions/{subject}/check", {}, of="/transactions/{subject}", subject=to_check),
    ),
    ("GET", "/transactions/<transaction_id>/edit"): (4, page("/transactions/{payment}/edit")),
    ("POST", "/transactions/<transaction_id>/edit"): (
        7,
        form("/transactions/{subject}/edit", typed_payment, subject=to_check),
    ),
    ("POST", "/transactions/<transaction_id>/delete"): (
        6,
        form(
            "/transactions/{subject}/delete",
            {"reason": WHY},
            of="/transactions/{subject}",
            subject=to_check,
        ),
    ),
    ("POST", "/transactions/<transaction_id>/reopen"): (
        7,
        form(
            "/transactions/{subject}/reopen",
            {"reason": WHY},
            of="/transactions/{subject}",
            subject=decided,
        ),
    ),
    ("POST", "/transactions/<transaction_id>/review"): (
        10,
        form(
            "/transactions/{subject}/review",
            {"decision": "approve", "reason": WHY},
            of="/transactions/{subject}",
            subject=to_decide,
        ),
    ),
    ("GET", "/reviews"): (4, page("/reviews", by="supervisor")),
    # Administration
    ("GET", "/admin/users"): (7, page("/admin/users")),
    ("GET", "/admin/users/new"): (3, page("/admin/users/new")),
    ("POST", "/admin/users/new"): (
        6,
        form("/admin/users/new", lambda house: {**newcomer(house), "role": "cashier"}),
    ),
    ("GET", "/admin/users/<uuid:user_id>"): (10, page("/admin/users/{person}")),
    ("POST", "/admin/users/<uuid:user_id>/details"): (
        9,
        form(
            f"{USER}/details",
            {"full_name": "Otro Nombre", "role": "integrator"},
            of=USER,
            subject=a_person,
        ),
    ),
    ("POST", "/admin/users/<uuid:user_id>/permissions"): (
        12,
        form(f"{USER}/permissions", {"permissions": "transaction:read"}, of=USER, subject=a_person),
    ),
    ("POST", "/admin/users/<uuid:user_id>/password"): (
        10,
        form(f"{USER}/password", {"password": "another password"}, of=USER, subject=a_person),
    ),
    ("POST", "/admin/users/<uuid:user_id>/activity"): (
        10,
        form(f"{USER}/activity", {"is_active": "false"}, of=USER, subject=a_person),
    ),
    ("POST", "/admin/users/<uuid:user_id>/api-keys"): (
        10,
        form(
            f"{USER}/api-keys",
            {"name": "Caja 2", "permissions": "transaction:read", "expires_in_days": "30"},
            of=USER,
            subject=a_person,
        ),
    ),
    ("POST", "/admin/users/<uuid:user_id>/api-keys/<uuid:key_id>/revoke"): (
        5,
        form(
            "/admin/users/{person}/api-keys/{subject}/revoke",
            {},
            of="/admin/users/{person}",
            subject=a_key,
        ),
    ),
    ("GET", "/admin/bank-calls"): (5, page("/admin/bank-calls")),
    ("GET", "/admin/bank-calls/<uuid:call_id>"): (4, page("/admin/bank-calls/{call}")),
    # The API: who asks, and a count of the request, are two of each number
    ("GET", "/api/v1/openapi.json"): (1, api("GET", "/openapi.json", by="")),
    ("POST", "/api/v1/auth/register"): (7, api("POST", "/auth/register", newcomer, by="")),
    ("POST", "/api/v1/auth/login"): (21, api("POST", "/auth/login", credentials, by="")),
    ("POST", "/api/v1/auth/refresh"): (7, token_exchange("/auth/refresh")),
    ("POST", "/api/v1/auth/logout"): (3, token_exchange("/auth/logout")),
    ("GET", "/api/v1/auth/me"): (2, api("GET", "/auth/me")),
    ("POST", "/api/v1/transactions"): (3, api("POST", "/transactions", new_payment)),
    ("GET", "/api/v1/transactions"): (4, api("GET", "/transactions?status=IN_PROGRESS")),
    ("POST", "/api/v1/transactions/batch"): (
        3,
        api("POST", "/transactions/batch", lambda house: {"items": [new_payment(house)]}),
    ),
    ("GET", "/api/v1/transactions/export"): (3, api("GET", "/transactions/export")),
    ("GET", "/api/v1/transactions/<payment:transaction_id>"): (
        3,
        api("GET", "/transactions/{payment}"),
    ),
    ("PATCH", "/api/v1/transactions/<payment:transaction_id>"): (
        8,
        api("PATCH", "/transactions/{subject}", {"amount": "1241.00"}, subject=to_check),
    ),
    ("DELETE", "/api/v1/transactions/<payment:transaction_id>"): (
        7,
        api("DELETE", "/transactions/{subject}", {"reason": WHY}, subject=to_check),
    ),
    ("GET", "/api/v1/transactions/<payment:transaction_id>/status"): (
        5,
        api("GET", "/transactions/{subject}/status", subject=to_check),
    ),
    ("GET", "/api/v1/transactions/<payment:transaction_id>/events"): (
        4,
        api("GET", "/transactions/{payment}/events"),
    ),
    ("POST", "/api/v1/transactions/<payment:transaction_id>/review"): (
        11,
        api(
            "POST",
            "/transactions/{subject}/review",
            {"decision": "approve", "reason": WHY},
            subject=to_decide,
        ),
    ),
    ("POST", "/api/v1/transactions/<payment:transaction_id>/reopen"): (
        8,
        api("POST", "/transactions/{subject}/reopen", {"reason": WHY}, subject=decided),
    ),
    ("GET", "/api/v1/users"): (6, api("GET", "/users")),
    ("POST", "/api/v1/users"): (
        8,
        api("POST", "/users", lambda house: {**newcomer(house), "role": "cashier"}),
    ),
    ("GET", "/api/v1/users/<uuid:user_id>"): (5, api("GET", "/users/{person}")),
    ("PATCH", "/api/v1/users/<uuid:user_id>"): (
        9,
        api("PATCH", "/users/{subject}", {"full_name": "Otro Nombre"}, subject=a_person),
    ),
    ("DELETE", "/api/v1/users/<uuid:user_id>"): (
        9,
        api("DELETE", "/users/{subject}", subject=a_person),
    ),
    ("GET", "/api/v1/users/<uuid:user_id>/api-keys"): (6, api("GET", "/users/{person}/api-keys")),
    ("POST", "/api/v1/users/<uuid:user_id>/api-keys"): (
        7,
        api("POST", "/users/{subject}/api-keys", {"name": "Caja 2"}, subject=a_person),
    ),
    ("DELETE", "/api/v1/users/<uuid:user_id>/api-keys/<uuid:key_id>"): (
        6,
        api("DELETE", "/users/{person}/api-keys/{subject}", subject=a_key),
    ),
    ("POST", "/api/v1/webhooks"): (
        5,
        api(
            "POST",
            "/webhooks",
            {"url": "https://his.clinic.test/in", "events": ["transaction.completed"]},
        ),
    ),
    ("GET", "/api/v1/webhooks"): (3, api("GET", "/webhooks")),
    ("GET", "/api/v1/webhooks/<webhook_id>"): (3, api("GET", "/webhooks/{endpoint}")),
    ("PATCH", "/api/v1/webhooks/<webhook_id>"): (
        7,
        api("PATCH", "/webhooks/{subject}", {"description": "Otra"}, subject=an_endpoint),
    ),
    ("DELETE", "/api/v1/webhooks/<webhook_id>"): (
        4,
        api("DELETE", "/webhooks/{subject}", subject=an_endpoint),
    ),
    ("POST", "/api/v1/webhooks/<webhook_id>/rotate-secret"): (
        6,
        api("POST", "/webhooks/{subject}/rotate-secret", subject=an_endpoint),
    ),
    ("POST", "/api/v1/webhooks/<webhook_id>/test"): (
        6,
        api("POST", "/webhooks/{subject}/test", subject=an_endpoint),
    ),
    ("GET", "/api/v1/webhooks/<webhook_id>/deliveries"): (
        5,
        api("GET", "/webhooks/{endpoint}/deliveries"),
    ),
    ("GET", "/api/v1/webhooks/<webhook_id>/deliveries/<delivery_id>"): (
        5,
        api("GET", "/webhooks/{endpoint}/deliveries/{delivery}"),
    ),
    ("POST", "/api/v1/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver"): (
        9,
        api("POST", "/webhooks/{endpoint}/deliveries/{subject}/redeliver", subject=a_delivery),
    ),
}

PARTS: dict[str, tuple[int, Ask]] = {
    "the rows of the list": (3, page("/transactions", htmx=True)),
    "the live part of a payment": (6, page("/transactions/{payment}", htmx=True)),
    "the items of the queue": (2, page("/reviews", by="supervisor", htmx=True)),
}
"""What HTMX asks for of pages."""

EVERYTHING = {
    **{" ".join(route): counted for route, counted in ROUTES.items()},
    **PARTS,
}


def test_every_route_is_in_the_table(app: Flask) -> None:
    stands = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert stands == set(ROUTES)


@pytest.fixture
def house(
    app: Flask, cast: Cast, bank: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """A clinic at work, whose bank is asked nothing any more when the test ends."""
    monkeypatch.setitem(app.extensions, "webhooks", Sender(ANYWHERE, seconds=5))
    yield House(app, cast, bank)
    settle()


def cost(house: House, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the statements of one request. It is the first of its caller: requests of others count no less."""
    send = ask(house)
    settle()
    limits = request_rate.connect(house.app.config["SETTINGS"])
    monkeypatch.setitem(house.app.extensions, "request_limits", limits)
    with counted_statements() as statements:
        status = send()
    assert status < 400, status
    return statements


AREAS = ("/api/v1/transactions", "/api/v1/webhooks", "/api/v1", "/admin", "")
"""Beginnings of paths; the routes of each are asked in one clinic."""


def of_area(area: str) -> dict[str, tuple[int, Ask]]:
    def area_of(what: str) -> str:
        return next(one for one in AREAS if what.split(" ")[-1].startswith(one))

    return {what: counted for what, counted in EVERYTHING.items() if area_of(what) == area}


@pytest.mark.parametrize("area", AREAS)
def test_a_request_costs_so_many_statements_whatever_there_is(
    house: House, area: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = of_area(area)
    for _, ask in routes.values():
        cost(house, ask, monkeypatch)  # what is read once in a process is read
    wanted = {what: count for what, (count, _) in routes.items()}
    for rows in (0, 3):
        house.grow(rows)
        sent = {what: cost(house, ask, monkeypatch) for what, (_, ask) in routes.items()}
        counted = {what: len(statements) for what, statements in sent.items()}
        told = ["\n".join((what, *sent[what])) for what in sent if counted[what] != wanted[what]]
        assert counted == wanted, "\n\n".join(told)
