"""The refusals of the API, as the contract publishes them: what each status means, and which operations may bring it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.web.security import MAX_BODY_BYTES


@dataclass(frozen=True)
class Refusal:
    """A response that is a Problem: when it comes, an example of its code, and the headers it brings."""

    name: str
    description: str
    code: str
    headers: tuple[str, ...] = ()


def mebibytes(count: int) -> str:
    """Write a number of bytes in MiB."""
    return f"{count // 1024**2} MiB"


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
    413: Refusal("TooLarge", f"The body is larger than {mebibytes(MAX_BODY_BYTES)}.", "too_large"),
    415: Refusal("UnsupportedMediaType", "The body is not `application/json`.", "unsupported_media_type"),
    422: Refusal("Invalid", "Fields are wrong; `errors` says which, and how they should look.", "invalid"),
    429: Refusal("TooManyRequests", "A limit is reached.", "too_many_requests", ("Retry-After",)),
    500: Refusal("InternalError", "A fault of ours; it was recorded under `request_id`.", "internal_error"),
    503: Refusal("Unavailable", "The database does not answer; nothing was saved.", "unavailable", ("Retry-After",)),
}  # fmt: skip
"""Every refusal that the API knows; 405 (with `Allow`) comes from the router and belongs to no operation."""

ALWAYS = (400, 422, 429, 500, 503)
"""Refusals that any operation may bring; 422 where the query has a parameter that does not exist."""
WRITING = (413,)
"""Refusals of every method but GET: a body may come where none is expected."""
WITH_BODY = (415,)
"""Refusals of operations that take a body."""
NEVER_KEPT = frozenset({401, 403, 404, 412, 413, 429, 500, 503})
"""Refusals that decide nothing: sent again under the same `Idempotency-Key`, the request is carried out."""
