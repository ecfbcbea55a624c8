"""Texts travel compressed to browsers and programs that take gzip.

A page shows what its address says beside form tokens and other people's data. Were it compressed for a request that
another site made, that site could guess both by the length of the answer (the attack called BREACH), so it is not.
"""

from __future__ import annotations

import zlib

from flask import Flask, Response, request

TEXTS = frozenset(
    {
        "application/json",
        "application/problem+json",
        "text/html",
        "text/plain",
    }
)
LEAST_BYTES = 1000
"""Less is one packet either way."""
LEVEL = 5
"""From here on every level costs more time than the line saves."""
GZIP = 16 + zlib.MAX_WBITS


def init_app(app: Flask) -> None:
    """Compress what is worth it; register before whatever reads or changes the text of an answer."""
    app.after_request(compress)


def compress(response: Response) -> Response:
    """Compress the answer where its reader takes that and nobody can learn from its length."""
    if response.mimetype not in TEXTS:
        return response
    response.vary.add("Accept-Encoding")
    if _is_wanted() and _is_worth_it(response) and not _is_asked_by_another_site():
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
        response.set_data(packer.compress(response.get_data()) + packer.flush())
        response.content_encoding = "gzip"
    return response


def _is_worth_it(response: Response) -> bool:
    """Tell whether the whole text is there, is long, and has no strong ETag: that stands for its exact bytes."""
    if response.is_streamed or response.direct_passthrough or response.content_encoding:
        return False
    tag, is_weak = response.get_etag()
    if tag and not is_weak:
        return False
    return (response.content_length or 0) >= LEAST_BYTES


def _is_wanted() -> bool:
    return request.accept_encodings["gzip"] > 0


def _is_asked_by_another_site() -> bool:
    return request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
