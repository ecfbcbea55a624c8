"""The headers of the API's responses that mean something to a program, as the contract publishes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

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
"""Every such header by its name."""

EVERYWHERE: tuple[str, ...] = ("X-Request-ID", "RateLimit", "RateLimit-Policy")
"""Headers of every response."""

SIGN_IN_HEADERS: tuple[str, ...] = (
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
"""Headers of every response of an operation that limits attempts (ERD 13.2)."""
