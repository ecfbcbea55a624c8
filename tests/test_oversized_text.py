"""No text that comes in can stall a worker: its length is looked at before anything that grows faster than it.

Putting Unicode in canonical order takes a time that grows with the square of a run of combining marks, so the tests
count how long the texts are that reach `unicodedata.normalize`, wherever it is called from.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from wtforms import Form
from wtforms.csrf.core import CSRFTokenField

from tests.support import payments
from tests.support.pages import Browser
from tests.support.people import PASSWORD, Cast
from tests.support.programs import Program
from webapp.accounts.service import create_user
from webapp.api.openapi import document
from webapp.kernel import money
from webapp.kernel.money import AmountProblem, InvalidAmount
from webapp.kernel.permissions import Role
from webapp.transactions import identifiers
from webapp.transactions.identifiers import Misspelt, Problem
from webapp.web.security import MAX_FORM_BYTES

MARKS = "a" + "\N{COMBINING ACUTE ACCENT}\N{COMBINING DOT BELOW}" * 4_500
"""A run of marks that fits into a page's form."""
FLOOD = "a" + "\N{COMBINING ACUTE ACCENT}\N{COMBINING DOT BELOW}" * 50_000


@pytest.fixture(autouse=True)
def longest(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Note the length of every text that is normalised; after the test none may have been long."""
    lengths = [0]
    normalize = unicodedata.normalize

    def noting(form: Any, text: str) -> str:
        lengths.append(len(text))
        # What is too long is not worked on, so that a failing test fails at once.
        return normalize(form, text[:2_000])

    monkeypatch.setattr(unicodedata, "normalize", noting)
    yield lengths
    assert max(lengths) <= identifiers.MAX_TYPED


@pytest.mark.parametrize(
    ("read", "problem"),
    [
        (identifiers.phone, Problem.PHONE),
        (identifiers.national_id, Problem.NATIONAL_ID),
        (lambda text: identifiers.reference(text, (1, 20)), Problem.REFERENCE),
        (identifiers.full_name, Problem.NAME_LENGTH),
        (identifiers.concept, Problem.CONCEPT_LENGTH),
        (identifiers.transaction_id, Problem.TRANSACTION_ID),
        (identifiers.payer_bank, Problem.PAYER_BANK),
    ],
)
@pytest.mark.parametrize("text", [FLOOD, "1" * 400_000, "- " * 200_000 + "1"])
def test_every_spelling_is_refused_by_its_length_first(read: Any, problem: Problem, text: str):
    with pytest.raises(Misspelt) as refused:
        read(text)
    assert refused.value.problem is problem


def test_a_search_looks_at_the_beginning_of_its_text(longest: list[int]):
    assert identifiers.searchable(FLOOD) == "a"
    assert max(longest) == identifiers.MAX_TYPED


@pytest.mark.parametrize("text", ["1." + "000." * 100_000 + "000,00", "9" * 400_000, FLOOD])
def test_an_amount_is_refused_by_its_length_first(text: str):
    for read in (money.parse_amount, money.parse_decimal):
        with pytest.raises(InvalidAmount) as refused:
            read(text)
        assert refused.value.problem is AmountProblem.UNREADABLE


def test_a_name_in_decomposed_letters_is_as_long_as_it_is_read():
    assert identifiers.full_name("n\u0303" * 255) == f"Ñ{'ñ' * 254}"
    with pytest.raises(Misspelt):
        identifiers.full_name("n\u0303" * 256)


@pytest.fixture
def newcomer(app: Flask) -> uuid.UUID:
    """Somebody who may be changed."""
    return create_user(
        email="nueva@clinica.com", full_name="Nueva Persona", password=PASSWORD, role=Role.CASHIER
    ).id


PAYMENT = {
    "bank": "MOBILE_TRANSFER",
    "reference": "123456789",
    "amount": "1.240,00",
    "payer_bank": "0102",
    "full_name": "Rosa Villegas",
    "national_id": "V9876543",
    "phone": "0414-1234567",
    "concept": "Consulta",
    "transaction_type": "TRANSACTION",
}
USER = {"full_name": "Carmen Rondón", "email": "c@clinica.com", "role": "cashier"}
KEY = {"name": "Laboratorio", "expires_in_days": "30", "permissions": "transaction:read"}
FORMS: dict[str, tuple[str, str, dict[str, str]]] = {
    "LoginForm": ("anyone", "/login", {"email": "c@clinica.com", "password": PASSWORD}),
    "PaymentForm": ("cashier", "/transactions/new", PAYMENT),
    "ReasonForm": ("supervisor", "/transactions/{payment}/delete", {"reason": "Repetido"}),
    "NewUserForm": ("admin", "/admin/users/new", {**USER, "password": PASSWORD}),
    "DetailsForm": ("admin", "/admin/users/{user}/details", {"full_name": "C R", "role": "cashier"}),
    "PermissionsForm": ("admin", "/admin/users/{user}/permissions", {}),
    "PasswordForm": ("admin", "/admin/users/{user}/password", {"password": PASSWORD}),
    "ActivityForm": ("admin", "/admin/users/{user}/activity", {"is_active": "true"}),
    "KeyForm": ("admin", "/admin/users/{user}/api-keys", KEY),
}  # fmt: skip
"""Where each form that is posted stands, who may send it, and what it holds."""
FILTERS = {
    "FilterForm": ("cashier", "/transactions"),
    "UserFilterForm": ("admin", "/admin/users"),
    "CallFilterForm": ("admin", "/admin/bank-calls"),
}
"""The pages whose address holds each filter."""
HARMLESS = {
    ("LoginForm", "next"),
    ("PaymentForm", "submission_key"),
    ("PaymentForm", "version"),
    ("ReasonForm", "decision"),
    ("ReasonForm", "version"),
    ("ReasonForm", "movement"),
    ("ActivityForm", "is_active"),
}
"""Fields whose text is replaced, or compared with a few words, and never shown: a long one does no harm."""


def forms() -> dict[str, type[Form]]:
    """Return every form of the product by its name, without those that others are made of."""
    found, left = {}, [Form]
    while left:
        form = left.pop()
        left += form.__subclasses__()
        is_whole = not form.__subclasses__()
        if form.__module__.startswith("webapp.") and is_whole and fields(form):
            found[form.__name__] = form
    return found


def fields(form: type[Form]) -> list[str]:
    return [
        name
        for name in dir(form)
        if hasattr(getattr(form, name), "field_class")
        and not issubclass(getattr(form, name).field_class, CSRFTokenField)
    ]


def test_every_form_of_the_pages_is_tried_here():
    assert forms().keys() == FORMS.keys() | FILTERS.keys()


@pytest.mark.parametrize("name", FORMS)
def test_a_field_of_a_form_with_too_long_a_text_is_refused_with_a_sentence(
    request: pytest.FixtureRequest, cast: Cast, newcomer: uuid.UUID, name: str
):
    role, url, valid = FORMS[name]
    browser: Browser = request.getfixturevalue(role)
    for field in fields(forms()[name]):
        for text in (MARKS, "9" * 4_000, "9" * 60_000):
            payment = payments.logged(cast.cashier).id if "{payment}" in url else None
            address = url.format(user=newcomer, payment=payment)
            shown = address.removesuffix("/delete")
            if "{user}" in url:
                shown = f"/admin/users/{newcomer}"
            answer = browser.post(address, {**valid, field: text}, form=shown)
            if (name, field) in HARMLESS:
                assert answer.status in (303, 401, 409, 422), field
            else:
                assert answer.status in (409, 422), field
                assert "error" in answer.source


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_with_too_long_a_text_is_refused(request: pytest.FixtureRequest, name: str):
    role, url = FILTERS[name]
    browser: Browser = request.getfixturevalue(role)
    for field in fields(forms()[name]):
        for text in (MARKS, "9" * 60_000):
            answer = browser.client.get(url, query_string={field: text})
            assert answer.status_code == 422, field


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_is_larger_than_any_honest_one_is_not_read(
    request: pytest.FixtureRequest, cast: Cast, name: str, kind: str
):
    role, url, valid = FORMS[name]
    browser: Browser = request.getfixturevalue(role)
    url = url.format(payment=cast.cashier.id, user=cast.cashier.id)
    sent = {**valid, fields(forms()[name])[0]: "á" * MAX_FORM_BYTES}
    answer = browser.client.post(url, data=sent, content_type=kind)
    assert answer.status_code == 413
    assert "Lo que envió es demasiado grande." in answer.text


def leaves(content: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to every text inside a body."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from leaves(value, (*way, name))
    elif isinstance(content, list):
        for place, value in enumerate(content):
            yield from leaves(value, (*way, place))
    elif isinstance(content, str):
        yield way


def replaced(content: Any, way: tuple[Any, ...], text: str) -> Any:
    """The body with another text at the end of the way."""
    if not way:
        return text
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[way[0]] = replaced(content[way[0]], way[1:], text)
    return copy


def example_of(body: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A body as the contract shows it, built of its fields' examples where it shows none."""
    media = body["content"]["application/json"]
    if "example" in media:
        return media["example"]
    name = media["schema"]["$ref"].rpartition("/")[2]
    properties = schemas[name]["properties"].items()
    return {field: (schema.get("examples") or ["text"])[0] for field, schema in properties}


def test_every_text_of_every_body_of_the_api_is_refused_by_its_length(app: Flask, cast: Cast):
    contract = document.document(app)
    schemas = contract["components"]["schemas"]
    payment = payments.logged(cast.cashier)
    program = Program(app, cast.admin)
    tried = 0
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            if "requestBody" not in operation:
                continue
            example = example_of(operation["requestBody"], schemas)
            url = path.removeprefix("/api/v1").format(
                transaction_id=payment.id,
                user_id=cast.cashier.id,
                webhook_id=payment.id,
                key_id=payment.id,
                delivery_id=payment.id,
            )
            for way in leaves(example):
                refused = program.call(method.upper(), url, json=replaced(example, way, FLOOD))
                if operation["operationId"] == "createTransactions":
                    assert refused.get_json()["items"][0]["status"] == 422 or way[1] == 1
                else:
                    expected = 404 if "{webhook_id}" in path else 422
                    assert refused.status_code == expected, (method, path, way)
                assert len(refused.data) < 100_000
                tried += 1
    assert tried > 30


def test_every_text_of_every_query_of_the_api_is_refused_by_its_length(app: Flask, cast: Cast):
    contract = document.document(app)
    payment = payments.logged(cast.cashier)
    program = Program(app, cast.admin)
    tried = 0
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            url = path.removeprefix("/api/v1").format(
                transaction_id=payment.id,
                user_id=cast.cashier.id,
                webhook_id=payment.id,
                key_id=payment.id,
                delivery_id=payment.id,
            )
            for parameter in operation.get("parameters", []):
                if parameter.get("in") != "query":
                    continue
                refused = program.call(method.upper(), url, query_string={parameter["name"]: FLOOD})
                expected = 404 if "{webhook_id}" in path else 422
                assert refused.status_code == expected, (path, parameter["name"])
                tried += 1
    assert tried > 20


@pytest.mark.parametrize(
    "name",
    [
        "Accept-Language",
        "Authorization",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "Origin",
        "Referer",
        "User-Agent",
        "X-Request-ID",
    ],
)
def test_a_long_header_is_neither_kept_nor_sent_back(app: Flask, cast: Cast, name: str):
    payment = payments.logged(cast.cashier)
    program = Program(app, cast.supervisor)
    text = "a" * 100_000
    for method, path in (("GET", ""), ("PATCH", ""), ("GET", "/events")):
        answer = program.call(
            method,
            f"/transactions/{payment.id}{path}",
            json={"customer": {"concept": "Placa"}} if method == "PATCH" else None,
            headers={name: text},
        )
        assert answer.status_code < 500
        assert text[:1_000] not in f"{answer.headers}{answer.text}"


def test_the_command_line_refuses_a_long_name(app: Flask):
    command = ["users", "create", "n@clinica.com", "--name", FLOOD, "--role", "cashier"]
    done = CliRunner().invoke(app.cli, [*command, "--password-stdin"], input=f"{PASSWORD}\n")
    assert done.exit_code != 0
    assert "255" in done.output
