"""The contract: an OpenAPI 3.1 document, built from the routes, their operations and the models that validate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from webapp.api.contract.headers import RESPONSE_HEADERS
from webapp.api.contract.operation import Operation, operation_of
from webapp.api.contract.refusals import REFUSALS
from webapp.api.contract.shared_parameters import PARAMETERS
from webapp.api.openapi.parameters import parameters_of
from webapp.api.openapi.responses import refusal, responses_of
from webapp.api.openapi.schemas import content_of, schemas_of
from webapp.web.guard import Access, access_of
from webapp.web.language import speaking

Schema = dict[str, Any]

PREFIX = "/api/v1"
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
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An access token (a JWT of `/api/v1/auth/login`, good for 30 minutes), or a key for programs (`amp_…`, "
    "made by an administrator with `/api/v1/users/{user_id}/api-keys`), which does not sign in or out.",
}


def text(app: Flask) -> str:
    """Return the contract of this application as it is served and committed; it is built once."""
    if "openapi" not in app.extensions:
        # In one language, whatever the first caller prefers.
        with app.app_context(), speaking("es"):
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
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Área Médica Pagos",
            "version": app.config["SETTINGS"].app_version,
            "description": DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "tags": _tags({operation.tag for operation in described}),
        "security": [{"bearer": []}],
        "paths": paths,
        "components": _components(app, described),
    }


def _tags(used: set[str]) -> list[Schema]:
    names = [tag for tag in TAGS if tag in used] + sorted(used - set(TAGS))
    return [{"name": name, "description": TAGS.get(name, name)} for name in names]


def _components(app: Flask, operations: list[Operation]) -> Schema:
    return {
        "securitySchemes": {"bearer": BEARER},
        "schemas": schemas_of(app, operations),
        "parameters": {name: {"name": name, **PARAMETERS[name]} for name in PARAMETERS},
        "headers": dict(RESPONSE_HEADERS),
        "responses": {shared.name: refusal(status) for status, shared in REFUSALS.items()},
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
    parameters = parameters_of(operation, rule)
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": content_of(operation.body)},
        }
    described["responses"] = responses_of(operation, access, rule)
    return described
