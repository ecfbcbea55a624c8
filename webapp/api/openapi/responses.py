"""The responses of an operation: its successes, and the refusals that it may bring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from werkzeug.routing import Rule

from webapp.api.contract.headers import EVERYWHERE, RESPONSE_HEADERS, SIGN_IN_HEADERS
from webapp.api.contract.operation import Operation
from webapp.api.contract.refusals import ALWAYS, NEVER_KEPT, REFUSALS, WITH_BODY, WRITING, mebibytes
from webapp.api.openapi.schemas import REF, content_of, models_of
from webapp.api.problems import Problem
from webapp.web import error_pages
from webapp.web.guard import Access

Schema = dict[str, Any]

EXAMPLE_ERROR = {
    "pointer": "/customer/phone",
    "field": "customer.phone",
    "detail": "Falta este dato.",
    "code": "missing",
}
SUCCESSES = {200: "Done.", 201: "Created.", 202: "Accepted; it is done later.", 204: "Done; there is nothing to say."}  # fmt: skip


def responses_of(operation: Operation, access: Access, rule: Rule) -> dict[str, Schema]:
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
    models = models_of(operation.responses.get(status))
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
        response["content"] = {"application/json": content_of(*models)}
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
        return refusal(status, about=f"The body is larger than {mebibytes(operation.max_body)}.")
    if more or codes:
        return refusal(status, more, codes)
    return {"$ref": f"#/components/responses/{REFUSALS[status].name}"}


def _headers(names: list[str]) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in dict.fromkeys(names)}


def refusal(
    status: int, more: Iterable[str] = (), codes: Sequence[str] = (), about: str | None = None
) -> Schema:
    """Describe a refusal with an example, whose code is the first of `codes` where there are any."""
    shared = REFUSALS[status]
    example: Schema = {
        "type": "about:blank",
        "title": str(error_pages.TITLES.get(status, error_pages.TITLES[400])),
        "status": status,
        "detail": str(error_pages.HTTP_SENTENCES.get(status, error_pages.TITLES.get(status, ""))),
        "code": codes[0] if codes else shared.code,
        "request_id": RESPONSE_HEADERS["X-Request-ID"]["example"],
    }
    if status == 422:
        example["errors"] = [EXAMPLE_ERROR]
    told = f" `code`: {', '.join(f'`{code}`' for code in codes)}." if codes else ""
    schema = {"$ref": REF.format(model=Problem.__name__)}
    return {
        "description": f"{about or shared.description}{told}",
        "headers": _headers([*EVERYWHERE, *shared.headers, *more]),
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }
