"""The contract is complete, true, the same as the committed copy, and its breaking changes are announced."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from contextvars import Context
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.test_error_codes import documented
from tests.support.bank import FakeGateway
from tests.support.compatibility import breaks
from tests.support.pages import Browser
from tests.support.programs import Program
from webapp.api import paging
from webapp.api.contract.operation import operation_of
from webapp.api.contract.refusals import REFUSALS
from webapp.api.openapi import document
from webapp.api.transactions import filters
from webapp.banking.gateway import BankType, Requirements
from webapp.kernel.config import PROJECT_ROOT
from webapp.kernel.permissions import Permission
from webapp.transactions import identifiers
from webapp.web.guard import access_of
from webapp.webhooks.addresses import Addresses
from webapp.webhooks.sending import Sender

COMMITTED = PROJECT_ROOT / "docs" / "openapi.json"
RELEASED = PROJECT_ROOT / "docs" / "openapi-released.json"
"""The contract of the newest release, which programs of others rely on."""

Document = dict[str, Any]


def _template(rule: str) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([a-z_]+)>", r"{\1}", rule)


@pytest.fixture
def contract(app: Flask) -> Document:
    return document.document(app)


def _schema(document: Document, name: str) -> Document:
    found: Document = document["components"]["schemas"][name]
    return found


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_every_route_is_described_and_nothing_else(app: Flask, contract: Document) -> None:
    stands = {
        f"{method} {_template(rule.rule)}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {name for name, _ in operations(contract)} == stands


def test_a_route_without_a_description_stops_the_contract(app: Flask) -> None:
    other = Flask("planted")
    other.add_url_rule("/api/v1/forgotten", view_func=lambda: "", endpoint="forgotten")
    with pytest.raises(LookupError, match="GET /api/v1/forgotten has no @operation"):
        document.build(other)


def test_the_contract_is_public_json(stranger: Program, contract: Document) -> None:
    for path in ("/openapi.json", "/openapi.json/"):
        answer = stranger.get(path, headers={"Accept-Language": "en"})
        assert answer.status_code == 200
        assert answer.content_type == "application/json"
        assert answer.get_json() == contract
    assert contract["openapi"] == "3.1.0"


def test_every_schema_is_valid_and_every_reference_resolves(contract: Document) -> None:
    for schema in contract["components"]["schemas"].values():
        jsonschema_rs.meta.validate({**schema, "components": contract["components"]})
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(contract))):
        found: Any = contract
        for part in reference.split("/"):
            found = found[part]


def test_openapi_spec_validator_accepts_the_document(contract: Document) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(contract).iter_errors()] == []


def patterns(part: Any) -> Iterator[str]:
    """Find every pattern of the document."""
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from patterns(inner)


def test_patterns_mean_the_same_to_every_engine(contract: Document) -> None:
    r"""A generator that compiles without the flag `u` reads \p{L} as a plain p; others know no looking around."""
    found = set(patterns(contract))
    assert len(found) > 15
    for pattern in found:
        escapes = set(re.findall(r"\\(u[0-9a-f]{4}|.)", pattern))
        assert all(len(one) == 5 or one in "s.+-[]" for one in escapes), pattern
        assert not re.search(r"[*+?}]\+|\(\?(?!:)", pattern), pattern
        assert pattern.startswith("^") and pattern.endswith("$")
        re.compile(pattern)


NAMES = [
    "María D'Angelo",
    "O’Neill",
    "José Ñáñez-Peña",
    "Jr. Li",
    "李小龍",
    "Łukasz",
    "Ωmega",
    "n\u0303a",
    "𠀀𠀁",
]
NO_NAMES = [
    "",
    "A",
    "1Ana",
    "Ana1",
    "Ana@",
    "Ana_B",
    "{Ana}",
    "Ana×",
    "Ana\u0000",
    " Ana",
    "Ana\tB",
    "A ¿B",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_fits_its_pattern(contract: Document, name: str) -> None:
    assert re.search(_schema(contract, "Customer")["properties"]["full_name"]["pattern"], name)
    assert identifiers.full_name(name)


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_text_that_is_not_a_name_does_not_fit_the_pattern(contract: Document, name: str) -> None:
    pattern = _schema(contract, "Customer")["properties"]["full_name"]["pattern"]
    assert not re.search(pattern, name)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("HIS, servidor 2", True),
        (" ñ ", True),
        ("李", True),
        ("", False),
        ("  ", False),
        ("a\u0007", False),
    ],
)
def test_the_name_of_a_key_is_printable(contract: Document, text: str, fits: bool) -> None:
    pattern = _schema(contract, "CreateKey")["properties"]["name"]["pattern"]
    assert bool(re.search(pattern, text)) is fits


def _examples(document: Document) -> Iterator[tuple[str, Document, Any]]:
    """Find every example with its place and its schema."""
    for name, operation in operations(document):
        yield from _examples_of_bodies(name, operation)
    components = document["components"]
    for name, response in components["responses"].items():
        (content,) = response["content"].values()
        yield name, content["schema"], content["example"]
    for name, given in (*components["headers"].items(), *components["parameters"].items()):
        yield name, given["schema"], given["example"]
    for name, schema in components["schemas"].items():
        for example in schema.get("examples", []):
            yield name, schema, example


def _examples_of_bodies(name: str, operation: Document) -> Iterator[tuple[str, Document, Any]]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "example" in content:
            yield f"{name} body", content["schema"], content["example"]
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            yield f"{name} {status}", content["schema"], content.get("example", ...)


def test_every_body_has_an_example_and_every_example_fits_its_schema(contract: Document) -> None:
    for where, schema, example in _examples(contract):
        if where.startswith("GET /api/v1/openapi.json"):
            continue
        assert example is not ..., f"{where} has no example"
        whole = {**schema, "components": contract["components"]}
        validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        assert [error.message for error in validator.iter_errors(example)] == [], where


def test_public_operations_need_no_token_and_the_others_name_their_permission(
    app: Flask, contract: Document
) -> None:
    assert contract["security"] == [{"bearer": []}]
    for path, method, view, _rule in document.routes(app):
        access, operation = access_of(view), contract["paths"][path][method]
        assert access is not None
        assert (operation.get("security") == []) == access.public
        assert operation.get("x-permission") == access.permission
        assert ("401" in operation["responses"]) or access.public
        assert ("403" in operation["responses"]) or access.permission is None
        assert {"400", "429", "500", "503"} <= operation["responses"].keys()
    named = {operation.get("x-permission") for _, operation in operations(contract)} - {None}
    assert named <= {permission.value for permission in Permission}


def test_shared_headers_and_refusals_follow_from_the_declaration(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = app.view_functions["api.create"]
    described = operation_of(view)
    assert described is not None
    more = replace(described, idempotent=True, versioned=True, response_headers=("Link",))
    monkeypatch.setattr(view, "__operation__", more)
    operation = document.build(app)["paths"]["/api/v1/transactions"]["post"]
    assert [given["$ref"].split("/")[-1] for given in operation["parameters"]] == [
        "Idempotency-Key",
        "If-Match",
    ]
    assert {"409", "412", "422"} <= operation["responses"].keys()
    assert set(operation["responses"]["201"]["headers"]) == {
        *("X-Request-ID", "ETag", "Idempotent-Replayed", "Link", "RateLimit", "RateLimit-Policy")
    }


def test_the_documented_filter_is_the_one_that_is_read() -> None:
    assert set(filters.TransactionFilter.model_fields) == paging.FILTERS


def test_every_code_of_an_operation_is_documented(app: Flask) -> None:
    told = documented("Codes")
    for path, _method, view, _rule in document.routes(app):
        described = operation_of(view)
        assert described is not None
        for codes in described.codes.values():
            assert set(codes) <= told, path


def test_operation_ids_are_unique(contract: Document) -> None:
    ids = [operation["operationId"] for _, operation in operations(contract)]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch("[a-z][A-Za-z]+", one) for one in ids)


def test_the_dialect_in_force_says_what_a_payment_must_bring(
    app: Flask, bank: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def demanding(kind: BankType, payer_bank: str | None = None) -> Requirements:
        return Requirements(
            reference_digits=(6, 9) if kind is BankType.MOBILE_TRANSFER else (8, 12),
            amount=True,
            operation_date=True,
            payer_bank=kind is BankType.MOBILE_TRANSFER,
        )

    usual = document.build(app)["components"]["schemas"]["CreateTransaction"]
    assert usual["properties"]["reference"]["pattern"] == "^[0-9]{9}$"
    assert "amount" not in usual["required"]
    monkeypatch.setattr(bank, "requirements", demanding)
    other = document.build(app)["components"]["schemas"]["CreateTransaction"]
    assert other["properties"]["reference"]["pattern"] == "^[0-9]{6,12}$"
    assert {"amount", "operation_date"} <= set(other["required"])
    assert "payer_bank" not in other["required"]


def test_the_contract_names_the_ports_at_which_webhooks_may_listen(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "webhooks", Sender(Addresses(ports=(443, 9443))))
    schemas = document.build(app)["components"]["schemas"]
    create = schemas["CreateWebhook"]["properties"]["url"]["pattern"]
    (change,) = [
        part["pattern"]
        for part in schemas["ChangeWebhook"]["properties"]["url"]["anyOf"]
        if "pattern" in part
    ]
    assert create == change
    assert re.search(create, "https://his.clinica.com:9443/pagos")
    assert not re.search(create, "https://his.clinica.com:8443/pagos")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "BREW"])
def test_an_unknown_method_is_405_with_allow(integrator: Program, method: str) -> None:
    refused = integrator.call(method, "/transactions")
    assert refused.status_code == 405
    assert {"GET", "POST"} <= set(refused.headers["Allow"].split(", "))


def test_refusals_have_the_documented_codes_and_headers(
    stranger: Program, integrator: Program
) -> None:
    seen = [
        stranger.call("POST", "/auth/login", data=b"{", content_type="application/json"),
        stranger.get("/transactions"),
        integrator.call("DELETE", "/transactions/NO-EXISTE"),
        integrator.get("/transactions/NO-EXISTE"),
        integrator.call("POST", "/transactions", data=b"x"),
        integrator.get("/transactions?size=0"),
    ]
    assert [answer.status_code for answer in seen] == [400, 401, 403, 404, 415, 422]
    for answer in seen:
        refusal = REFUSALS[answer.status_code]
        assert answer.get_json()["code"] == refusal.code
        assert set(refusal.headers) <= set(answer.headers.keys())


def test_the_committed_copy_is_the_contract(contract: Document) -> None:
    assert (
        COMMITTED.read_text(encoding="utf-8")
        == json.dumps(contract, ensure_ascii=False, indent=2) + "\n"
    ), "run: flask openapi --output docs/openapi.json"


def test_the_command_prints_and_writes_the_contract(app: Flask, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    printed = Context().run(runner.invoke, args=["openapi"])
    assert json.loads(printed.output) == document.document(app)
    target = tmp_path / "contract.json"
    written = Context().run(runner.invoke, args=["openapi", "--output", str(target)])
    assert written.exit_code == 0
    assert target.read_text(encoding="utf-8") == printed.output


def test_every_breaking_change_is_in_the_changelog(contract: Document) -> None:
    changelog = (PROJECT_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    told = "\n".join(
        re.findall(
            r"^### Breaking API changes\n(.*?)(?=^##|\Z)", changelog, re.MULTILINE | re.DOTALL
        )
    )
    released = json.loads(RELEASED.read_text(encoding="utf-8"))
    silent = [str(one) for one in breaks(released, contract) if f"`{one.operation}`" not in told]
    assert silent == []


Change = Callable[[Document], object]
CREATE, LIST = "POST /api/v1/transactions", "GET /api/v1/transactions"


def _take(name: str) -> Change:
    def change(document: Document) -> None:
        del _schema(document, "TransactionOut")["properties"][name]

    return change


@pytest.mark.parametrize(
    ("change", "operation", "what"),
    [
        (lambda d: d["paths"].pop("/api/v1/transactions"), CREATE, "is gone"),
        (lambda d: d["paths"]["/api/v1/transactions"].pop("get"), LIST, "is gone"),
        (lambda d: d["paths"]["/api/v1/transactions"]["post"]["responses"].pop("200"), CREATE, "no longer answers 200"),
        (_take("bank_amount"), CREATE, "200 body.bank_amount is gone"),
        (_take("reasons"), LIST, "200 body.items[].reasons is gone"),
        (lambda d: _schema(d, "TransactionOut")["required"].remove("status"), CREATE, "200 body.status may now be left out"),
        (lambda d: _schema(d, "TransactionOut")["properties"].update(version={"type": ["integer", "null"]}), CREATE, "200 body.version may now be null"),
        (lambda d: _schema(d, "CreateTransaction")["required"].append("amount"), CREATE, "body.amount is now demanded"),
        (lambda d: _schema(d, "CreateTransaction")["properties"].pop("payer_bank"), CREATE, "body.payer_bank is no longer taken"),
        (lambda d: _schema(d, "BankType")["enum"].remove("BANESCO"), CREATE, "body.bank no longer takes ['BANESCO']"),
        (lambda d: _schema(d, "Customer")["properties"]["phone"].update(pattern="^0$"), CREATE, "body.customer.phone has another pattern"),
        (lambda d: _schema(d, "Customer")["properties"]["full_name"].update(maxLength=20), CREATE, "body.customer.full_name has a narrower maxLength"),
        (lambda d: d["paths"]["/api/v1/transactions"]["get"]["parameters"].pop(0), LIST, "no longer takes query status"),
        (lambda d: d["paths"]["/api/v1/transactions"]["get"]["parameters"][0].update(required=True), LIST, "now demands query status"),
        (lambda d: d["paths"]["/api/v1/auth/login"]["post"].pop("security"), "POST /api/v1/auth/login", "now asks for a token"),
        (lambda d: d["components"]["headers"] and d["components"]["responses"]["TooManyRequests"]["headers"].pop("Retry-After"), LIST, "429 no longer brings the header Retry-After"),
    ],
)  # fmt: skip
def test_a_planted_break_is_found(
    contract: Document, change: Change, operation: str, what: str
) -> None:
    changed = copy.deepcopy(contract)
    change(changed)
    assert f"{operation}: {what}" in [str(one) for one in breaks(contract, changed)]


def test_additions_are_not_breaking_changes(contract: Document) -> None:
    changed = copy.deepcopy(contract)
    changed["paths"]["/api/v1/new"] = {"get": {"responses": {}}}
    _schema(changed, "TransactionOut")["properties"]["more"] = {"type": "string"}
    _schema(changed, "CreateTransaction")["properties"]["more"] = {"type": "string"}
    _schema(changed, "BankType")["enum"].append("OTHER_BANK")
    optional = {"name": "more", "in": "query", "schema": {"type": "string"}}
    changed["paths"]["/api/v1/transactions"]["get"]["parameters"].append(optional)
    assert breaks(contract, changed) == []


def test_the_pages_of_the_contract_load_nothing_foreign_and_nothing_inline(anyone: Browser) -> None:
    for path, tool in (("/docs", "Swagger UI"), ("/redoc", "ReDoc")):
        page = anyone.get(path)
        assert page.status == 200
        assert tool in page.text and "Contrato de la API" in page.text
        policy = page.response.headers["Content-Security-Policy"]
        nonce = re.search(r"style-src 'self' 'nonce-([^']+)'", policy)
        assert nonce and f'data-nonce="{nonce[1]}"' in page.source
        assert "script-src 'self';" in policy and "unsafe" not in policy
        assert nonce[1] not in anyone.get(path).source, "a nonce is used once"
