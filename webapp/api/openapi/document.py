"""The contract: an OpenAPI 3.1 document, built from the routes, their operations and the models that validate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import Flask
from flask_babel import force_locale
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from werkzeug.routing import Rule

from webapp.api.contract import formats
from webapp.api.contract.headers import EVERYWHERE, RESPONSE_HEADERS, SIGN_IN_HEADERS
from webapp.api.contract.operation import Operation, operation_of
from webapp.api.contract.parameters import PARAMETERS
from webapp.api.contract.refusals import ALWAYS, NEVER_KEPT, REFUSALS, WITH_BODY, WRITING, mebibytes
from webapp.api.paging import DEFAULT_SIZE, MAX_OFFSET, MAX_SIZE
from webapp.api.problems import Problem
from webapp.banking.connection import BankConnection
from webapp.banking.gateway import BankType, Requirements
from webapp.transactions import identifiers
from webapp.web import error_pages
from webapp.web.guard import Access, access_of

Schema = dict[str, Any]

PREFIX = "/api/v1"
REF = "#/components/schemas/{model}"
DESCRIPTION = """\
Payments of the clinic by bank transfer or pago móvil, checked against Banesco.

Sign in at `/api/v1/auth/login` and send the access token as `Authorization: Bearer …`, or send a key that an administrator
made for your program in the same way. Every request counts against a limit, told in `RateLimit`. Money travels as decimal strings, moments as ISO 8601 with an offset, days as days of Caracas. Refusals are `application/problem+json` (RFC 9457) with a stable
`code`, and `errors` that name a JSON pointer or a parameter; bodies and queries with unknown fields are refused. A method that a path does not know is 405 with `Allow`; every path also works
with a slash at its end. Sentences (`title`, `detail`) are Spanish, or English where `Accept-Language` prefers it.
"""
TAGS = {
    "Access": "Sign in, renew and end access.",
    "Transactions": "Payments: log, read, correct, decide.",
    "Webhooks": "Be told of what happens to payments (docs/webhooks.md).",
    "Users": "Who uses the product, and what they may do: for administrators.",
    "API keys": "Keys with which programs act as a user: for administrators.",
    "Contract": "This document.",
}
TRANSACTION_BODIES = ("CreateTransaction", "ChangeTransaction")
WEBHOOK_BODIES = ("CreateWebhook", "ChangeWebhook")
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An access token (a JWT of `/api/v1/auth/login`, good for 30 minutes), or a key for programs (`amp_…`, "
    "made by an administrator with `/api/v1/users/{user_id}/api-keys`), which does not sign in or out.",
}
EXAMPLE_ERROR = {
    "pointer": "/customer/phone",
    "field": "customer.phone",
    "detail": "Falta este dato.",
    "code": "missing",
}
SUCCESSES = {200: "Done.", 201: "Created.", 202: "Accepted; it is done later.", 204: "Done; there is nothing to say."}  # fmt: skip


class _Plain(GenerateJsonSchema):
    """Generates schemas without the titles that pydantic derives from the names of fields."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        """Never give a field a title."""
        return False


def text(app: Flask) -> str:
    """Return the contract of this application as it is served and committed; it is built once."""
    if "openapi" not in app.extensions:
        # In one language, whatever the first caller prefers.
        with app.app_context(), force_locale("es"):
            document = build(app)
        app.extensions["openapi"] = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    found: str = app.extensions["openapi"]
    return found


def document(app: Flask) -> Schema:
    """Return the contract of this application."""
    found: Schema = json.loads(text(app))
    return found


def routes(app: Flask) -> Iterator[tuple[str, str, Callable[..., Any], Rule]]:
    """Return path, method, view and rule of every route under /api/v1."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.rule.startswith(f"{PREFIX}/"):
            path = re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield path, method.lower(), app.view_functions[rule.endpoint], rule


def build(app: Flask) -> Schema:
    """Build the document. Raises LookupError for a route without `@operation`."""
    paths: dict[str, Schema] = {}
    described: list[Operation] = []
    for path, method, view, rule in routes(app):
        operation, access = operation_of(view), access_of(view)
        if operation is None or access is None:
            raise LookupError(f"{method.upper()} {path} has no @operation")
        described.append(operation)
        doc = (view.__doc__ or "").strip()
        paths.setdefault(path, {})[method] = _operation(operation, access, rule, doc)
    schemas = _schemas(described)
    for name in TRANSACTION_BODIES:
        _apply_requirements(schemas[name], _requirements(app), whole=name == "CreateTransaction")
    for name in WEBHOOK_BODIES:
        _apply_ports(schemas[name], app.extensions["webhooks"].addresses.ports)
    used = {operation.tag for operation in described}
    tags = [tag for tag in TAGS if tag in used] + sorted(used - set(TAGS))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Área Médica Pagos",
            "version": app.config["SETTINGS"].app_version,
            "description": DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": TAGS.get(tag, tag)} for tag in tags],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": BEARER},
            "schemas": schemas,
            "parameters": {name: {"name": name, **PARAMETERS[name]} for name in PARAMETERS},
            "headers": dict(RESPONSE_HEADERS),
            "responses": {refusal.name: _refusal(status) for status, refusal in REFUSALS.items()},
        },
    }


def _operation(operation: Operation, access: Access, rule: Rule, doc: str) -> Schema:
    needs = f"\n\nPermission: `{access.permission.value}`." if access.permission else ""
    described: Schema = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "description": f"{doc}{needs}",
        "tags": [operation.tag],
    }
    if access.permission:
        described["x-permission"] = access.permission.value
    if access.public:
        described["security"] = []
    parameters = [*_path_parameters(rule), *_shared_parameters(operation)]
    if operation.query:
        parameters += _query_parameters(operation.query)
    if operation.paged:
        parameters += PAGE_PARAMETERS
    if operation.cursored:
        parameters.append(CURSOR_PARAMETER)
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": _content(operation.body)},
        }
    described["responses"] = _responses(operation, access, rule)
    return described


def _path_parameters(rule: Rule) -> list[Schema]:
    found: list[Schema] = []
    for name in sorted(rule.arguments):
        if name in PARAMETERS:
            found.append({"$ref": f"#/components/parameters/{name}"})
            continue
        is_uuid = f"<uuid:{name}>" in rule.rule
        schema = {"type": "string", **({"format": "uuid"} if is_uuid else {})}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _shared_parameters(operation: Operation) -> list[Schema]:
    names = ["Idempotency-Key"] if operation.idempotent else []
    names += ["If-Match"] if operation.versioned else []
    names += ["If-None-Match"] if operation.conditional else []
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _query_parameters(model: type[BaseModel]) -> list[Schema]:
    schema = model.model_json_schema(ref_template=REF, schema_generator=_Plain)
    required = schema.get("required", [])
    parameters = []
    for name, given in schema["properties"].items():
        value = _not_null(given)
        about = value.pop("description", None)
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in required,
                **({"allowEmptyValue": True} if name not in required else {}),
                **({"description": about} if about else {}),
                "schema": value,
            }
        )
    return parameters


def _not_null(schema: Schema) -> Schema:
    """Return the schema without null, which a query cannot express."""
    parts = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**parts[0], **rest} if len(parts) == 1 else rest


def _number(name: str, about: str, **bounds: int) -> Schema:
    schema: Schema = {"type": "integer", **bounds}
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema}


# Without `default`: clients that send defaults would contradict `cursor`, `offset` and `limit`.
PAGE_PARAMETERS = [
    _number("page", "The page, from 1; it begins within the first 10,000,000 rows.", minimum=1, maximum=MAX_OFFSET),
    _number("size", f"How many to a page; {DEFAULT_SIZE} unless given.", minimum=1, maximum=MAX_SIZE),
    _number("limit", "In place of `size`.", minimum=1, maximum=MAX_SIZE),
    _number("offset", "In place of `page`: how many to leave out.", minimum=0, maximum=MAX_OFFSET),
]  # fmt: skip
CURSOR_PARAMETER: Schema = {
    "name": "cursor",
    "in": "query",
    "required": False,
    "allowEmptyValue": True,
    "description": "In place of `page` and `offset`: the `next_cursor` of the answer before, with the same filter; empty "
    "to begin. Such an answer counts no total.",
    "schema": {"type": "string", "maxLength": 1000},
}


def _responses(operation: Operation, access: Access, rule: Rule) -> dict[str, Schema]:
    """Describe the responses that are declared, and those that the route itself brings."""
    statuses = {*operation.responses, *operation.codes, *ALWAYS}
    statuses |= set(WITH_BODY) if operation.body else set()
    statuses |= set(WRITING) if set(rule.methods or ()) - {"GET", "HEAD", "OPTIONS"} else set()
    statuses |= {404} if rule.arguments else set()
    statuses |= set() if access.public else {401}
    statuses |= {403} if access.permission else set()
    statuses |= {412} if operation.versioned or operation.conditional else set()
    statuses |= {409} if operation.idempotent else set()
    statuses |= {304} if operation.conditional else set()
    return {str(status): _response(operation, status) for status in sorted(statuses)}


def _response(operation: Operation, status: int) -> Schema:
    if status >= 400:
        return _refusal_of(operation, status)
    models = _models(operation.responses.get(status))
    names = [*EVERYWHERE, *(operation.response_headers if status != 304 else ())]
    names += SIGN_IN_HEADERS if operation.limited_by else ()
    if status == 304 or any("version" in model.model_fields for model in models):
        names.append("ETag")
    names += ("Idempotent-Replayed",) if operation.idempotent else ()
    response: Schema = {
        "description": "The version that you have is the present one."
        if status == 304
        else SUCCESSES[status],
        "headers": _headers(names),
    }
    if models:
        response["content"] = {"application/json": _content(*models)}
    elif operation.sheet and status < 300:
        sheet = {"schema": {"type": "string"}, "example": operation.sheet}
        response["content"] = {"text/csv": sheet}
    return response


def _refusal_of(operation: Operation, status: int) -> Schema:
    """Refer to the shared refusal, or describe the operation's own where it brings more headers or codes."""
    more: list[str] = []
    if status == 409 and (operation.idempotent or operation.limited_by):
        more.append("Retry-After")
    if operation.idempotent and status not in NEVER_KEPT:
        more.append("Idempotent-Replayed")
    if operation.limited_by:
        more += SIGN_IN_HEADERS
    codes = list(operation.codes.get(status, ()))
    if operation.idempotent:
        codes += {
            409: [
                "idempotency_in_flight",
                *(["secret_shown_once"] if operation.shows_secret else []),
            ],
            422: ["invalid", "idempotency_key_invalid", "idempotency_key_reused"],
        }.get(status, [])
    if status == 413 and operation.max_body:
        return _refusal(status, about=f"The body is larger than {mebibytes(operation.max_body)}.")
    if more or codes:
        return _refusal(status, more, codes)
    return {"$ref": f"#/components/responses/{REFUSALS[status].name}"}


def _models(declared: Any) -> tuple[type[BaseModel], ...]:
    if declared is None:
        return ()
    return declared if isinstance(declared, tuple) else (declared,)


def _headers(names: list[str]) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in dict.fromkeys(names)}


def _content(*models: type[BaseModel]) -> Schema:
    extra = models[0].model_config.get("json_schema_extra")
    shapes = [{"$ref": REF.format(model=model.__name__)} for model in models]
    schema: Schema = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    examples = extra.get("examples") if isinstance(extra, dict) else None
    return {"schema": schema, **({"example": examples[0]} if isinstance(examples, list) else {})}


def _refusal(
    status: int, more: Iterable[str] = (), codes: Sequence[str] = (), about: str | None = None
) -> Schema:
    refusal = REFUSALS[status]
    example: Schema = {
        "type": "about:blank",
        "title": str(error_pages.TITLES.get(status, error_pages.TITLES[400])),
        "status": status,
        "detail": str(error_pages.HTTP_SENTENCES.get(status, error_pages.TITLES.get(status, ""))),
        "code": codes[0] if codes else refusal.code,
        "request_id": RESPONSE_HEADERS["X-Request-ID"]["example"],
    }
    if status == 422:
        example["errors"] = [EXAMPLE_ERROR]
    told = f" `code`: {', '.join(f'`{code}`' for code in codes)}." if codes else ""
    schema = {"$ref": REF.format(model=Problem.__name__)}
    return {
        "description": f"{about or refusal.description}{told}",
        "headers": _headers([*EVERYWHERE, *refusal.headers, *more]),
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }


def _schemas(operations: list[Operation]) -> dict[str, Schema]:
    sent = {operation.body for operation in operations if operation.body}
    queries = {operation.query for operation in operations if operation.query}
    answered = {
        model for one in operations for given in one.responses.values() for model in _models(given)
    }
    _, generated = models_json_schema(
        [
            *((model, "validation") for model in _by_name(sent | queries)),
            *((model, "serialization") for model in _by_name(answered | {Problem})),
        ],
        ref_template=REF,
        schema_generator=_Plain,
    )
    schemas: dict[str, Schema] = {
        name: schema
        for name, schema in sorted(generated["$defs"].items())
        if name not in {model.__name__ for model in queries}
    }
    for schema in schemas.values():
        schema.pop("title", None)
    return schemas


def _by_name(models: set[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)


def _requirements(app: Flask) -> list[Requirements]:
    bank: BankConnection = app.extensions["bank"]
    payers = (None, *identifiers.BANKS)
    return [bank.gateway.requirements(kind, payer) for kind in BankType for payer in payers]


def _apply_ports(schema: Schema, ports: Iterable[int]) -> None:
    """Publish the ports at which webhooks may listen in this installation."""
    url = schema["properties"]["url"]
    for part in (url, *url.get("anyOf", [])):
        if "pattern" in part:
            part["pattern"] = formats.webhook_url_pattern(ports)


def _apply_requirements(schema: Schema, needs: list[Requirements], *, whole: bool) -> None:
    """Publish how long a reference is and which fields cannot be left out in the dialect in force."""
    least = min(need.reference_digits[0] for need in needs)
    most = max(need.reference_digits[1] for need in needs)
    digits = f"{{{least}}}" if least == most else f"{{{least},{most}}}"
    schema["properties"]["reference"]["pattern"] = f"^[0-9]{digits}$"
    if whole:
        demanded: Mapping[str, bool] = {
            "operation_date": all(need.operation_date for need in needs),
            "payer_bank": all(need.payer_bank for need in needs),
            "amount": all(need.amount for need in needs),
        }
        schema["required"] += [name for name, wanted in demanded.items() if wanted]
