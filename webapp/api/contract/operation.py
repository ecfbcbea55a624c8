"""What each operation of the API takes and answers, noted on its view for `openapi` to publish.

`@operation` only records; it wraps nothing. What a route is says the rest: its permission, its ids and its
body bring their own answers. Names of headers and parameters stand once, in the tables below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

View = TypeVar("View", bound=Callable[..., Any])
Answers = Mapping[int, "type[BaseModel] | tuple[type[BaseModel], ...] | None"]
Schema = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """An answer that is a Problem: when it comes, an example of its code, and the headers it brings."""

    name: str
    description: str
    code: str
    headers: tuple[str, ...] = ()


REFUSALS: Mapping[int, Refusal] = {
    400: Refusal("BadRequest", "The request cannot be read: malformed JSON, or a foreign host.", "malformed"),
    401: Refusal(
        "Unauthorized",
        "No token, or one that is not valid (any more); at sign-in, wrong credentials.",
        "invalid_token",
        ("WWW-Authenticate",),
    ),
    403: Refusal("Forbidden", "The token's user may not do this.", "forbidden"),
    404: Refusal("NotFound", "There is no such thing, or it is not yours to see.", "not_found"),
    409: Refusal("Conflict", "What stands already does not allow this; `code` says why.", "conflict"),
    412: Refusal(
        "PreconditionFailed", "`If-Match` names another version than the one that stands.", "version_mismatch"
    ),
    413: Refusal("TooLarge", "The body is larger than 1 MiB (of a batch, 2 MiB).", "too_large"),
    415: Refusal("UnsupportedMediaType", "The body is not `application/json`.", "unsupported_media_type"),
    422: Refusal("Invalid", "Fields are wrong; `errors` says which, and how they should look.", "invalid"),
    429: Refusal("TooManyRequests", "A limit is reached.", "too_many_requests", ("Retry-After",)),
    500: Refusal("InternalError", "A fault of ours; it was recorded under `request_id`.", "internal_error"),
    503: Refusal("Unavailable", "The database does not answer; nothing was saved.", "unavailable", ("Retry-After",)),
}  # fmt: skip
"""Every refusal that the API knows; 405 (with `Allow`) comes from the router and belongs to no operation."""

ALWAYS = (400, 429, 500, 503)
WRITING = (413,)
"""Answers to every method but GET: a body may come where none is expected."""
WITH_BODY = (415, 422)
NEVER_KEPT = frozenset({401, 403, 404, 412, 413, 429, 500, 503})
"""Refusals that decide nothing: under the same `Idempotency-Key` the request is carried out anew."""

RESPONSE_HEADERS: Mapping[str, Schema] = {
    "X-Request-ID": {
        "description": "The number of this request in our log; yours, if you sent one.",
        "schema": {"type": "string"},
        "example": "7f1b0c52d9f84f0f9a6f0a3f5d3b2c11",
    },
    "ETag": {
        "description": "The version and a digest of the content, for `If-Match` (which heeds the version) and `If-None-Match`.",
        "schema": {"type": "string", "pattern": '^"[0-9]+-[0-9a-f]{12}"$'},
        "example": '"3-8f14e45fceea"',
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {"type": "string"},
        "example": 'Bearer realm="areamedica"',
    },
    "Retry-After": {
        "description": "After how many seconds another attempt makes sense.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "30",
    },
    "RateLimit": {
        "description": "What is left of the limit in force (IETF RateLimit header fields).",
        "schema": {"type": "string"},
        "example": '"default";r=4987;t=3121',
    },
    "RateLimit-Policy": {
        "description": "The limit in force (IETF RateLimit header fields).",
        "schema": {"type": "string"},
        "example": '"default";q=5000;w=3600',
    },
    "Link": {
        "description": "Where the list goes on (RFC 8288): the same filter from `next_cursor` on; none after the last row.",
        "schema": {"type": "string"},
        "example": '</api/v1/transactions?size=20&cursor=WzE3OTU1MjE2MDBd.c2lnbmVk>; rel="next"',
    },
    "Location": {
        "description": "Where what was made can be read.",
        "schema": {"type": "string"},
        "example": "/api/v1/users/c56a4180-65aa-42ec-a945-5fd21dec0538",
    },
    "Content-Disposition": {
        "description": "The name of the file.",
        "schema": {"type": "string"},
        "example": 'attachment; filename="transactions-2026-11-24.csv"',
    },
    "Idempotent-Replayed": {
        "description": "`true` where this is the kept answer to an earlier request with the same `Idempotency-Key`.",
        "schema": {"type": "string", "enum": ["true"]},
        "example": "true",
    },
    "X-RateLimit-Limit": {
        "description": "How many failed sign-ins the limit allows.",
        "schema": {"type": "string"},
        "example": "10",
    },
    "X-RateLimit-Remaining": {
        "description": "How many failed sign-ins are left.",
        "schema": {"type": "string"},
        "example": "9",
    },
    "X-RateLimit-Reset": {
        "description": "When the window ends, in seconds since the epoch.",
        "schema": {"type": "string"},
        "example": "1795521600",
    },
}
"""Every header of an answer that means something to a program, by its name."""

EVERYWHERE: tuple[str, ...] = ("X-Request-ID", "RateLimit", "RateLimit-Policy")
"""Headers of every answer."""

SIGN_IN_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

PARAMETERS: Mapping[str, Schema] = {
    "Idempotency-Key": {
        "in": "header",
        "description": "Your own key of this request: for a day, the same request with the same key is carried out once "
        "and answered alike; another request with it is refused with 422.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[!-~]([ -~]{0,253}[!-~])?$",
        },
        "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    },
    "If-Match": {
        "in": "header",
        "description": "The version that you read, as in its `ETag`; refused with 412 where another one stands.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "If-None-Match": {
        "in": "header",
        "description": "The version that you have, as in its `ETag`; answered with 304 where it still stands.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "transaction_id": {
        "in": "path",
        "required": True,
        "description": "The payment's `transaction_id`, or its `id`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 100},
        "example": "HIS-2026-100124000",
    },
    **{
        name: {
            "in": "path",
            "required": True,
            "description": about,
            "schema": {"type": "string", "format": "uuid"},
            "example": "0f8fad5b-d9cb-469f-a165-70867728950e",
        }
        for name, about in (
            ("user_id", "The user's `id`."),
            ("key_id", "The key's `id`."),
            ("webhook_id", "The webhook's `id`."),
            ("delivery_id", "The delivery's `id`: the `webhook-id` of its messages."),
        )
    },
}
"""Every parameter that operations share, by its name."""


@dataclass(frozen=True)
class Operation:
    """What a view says of itself."""

    operation_id: str
    summary: str
    tag: str
    answers: Answers
    body: type[BaseModel] | None = None
    body_required: bool = True
    query: type[BaseModel] | None = None
    """Its fields are the parameters of the query."""
    codes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """The codes of docs/api-errors.md by status, where they are not the refusal's usual one."""
    response_headers: tuple[str, ...] = ()
    """Of a success."""
    counted: bool = False
    """Failures count against the limit of sign-ins: its headers stand on every answer."""
    sheet: str | None = None
    """Where a success is `text/csv`: an example of it."""
    conditional: bool = False
    idempotent: bool = False
    versioned: bool = False
    paged: bool = False
    cursored: bool = False


def operation(
    operation_id: str,
    summary: str,
    *,
    tag: str,
    answers: Answers,
    **more: Any,
) -> Callable[[View], View]:
    """Note on a view what it takes and answers; see `Operation` for the names in `more`.

    `answers` maps a status to the model of its body, or to several where it has one of several shapes (None:
    no body, or a refusal); refusals that `codes` names need not stand there. `conditional` is for
    If-None-Match, `versioned` for If-Match, `idempotent` for Idempotency-Key, `paged` for lists by numbers,
    `cursored` for those that go on by cursor, too.
    """
    described = Operation(operation_id, summary, tag, answers, **more)

    def note(view: View) -> View:
        view.__operation__ = described  # type: ignore[attr-defined]
        return view

    return note


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What a view says of itself, or None."""
    found: Operation | None = getattr(view, "__operation__", None)
    return found
