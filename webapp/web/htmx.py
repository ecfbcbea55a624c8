"""Pages and their parts: HTMX asks the same URL and gets only what changes (STYLE 9).

A part that asks for itself again says what it shows (`state`, in If-None-Match): where that is still so, the answer is 304,
and nothing is rendered, sent or swapped.
"""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, make_response, render_template, request
from htmx_flask.requests import HtmxHeaders

from webapp.web.language import current_language


def htmx_headers() -> HtmxHeaders:
    """Return the HX-… headers of the current request; false where a browser itself asks."""
    headers: HtmxHeaders = request.htmx  # type: ignore[attr-defined]  # set by htmx-flask's request class
    return headers


def is_part_asked_for() -> bool:
    """Tell whether HTMX asks for a part of the page; a boosted link asks for the whole of it."""
    headers = htmx_headers()
    return bool(headers) and not headers.boosted


def state_of(*shown: object) -> str:
    """Return a digest of everything that a part shows; the address and the language are of it."""
    seen = repr((request.full_path, current_language(), shown))
    return hashlib.blake2b(seen.encode("utf-8", "replace"), digest_size=12).hexdigest()


def asks_again() -> bool:
    """Tell whether HTMX asks for a part that it shows already."""
    return request.method == "GET" and bool(request.if_none_match) and is_part_asked_for()


def unchanged(state: str) -> Response | None:
    """Answer 304 where HTMX asks again for a part that shows just this; else None."""
    if not asks_again() or not request.if_none_match.contains_weak(state):
        return None
    response = Response(status=304)
    response.vary.add("HX-Request")
    return response


def page_or_part(whole: str, part: str, /, **context: Any) -> Response:
    """Render the whole page, or for HTMX the part of it that changes."""
    response = make_response(render_template(part if is_part_asked_for() else whole, **context))
    response.vary.add("HX-Request")
    return response
