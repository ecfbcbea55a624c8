"""Pages and their parts: HTMX asks the same URL and gets only what changes (STYLE 9)."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request
from htmx_flask.requests import HtmxHeaders


def htmx_headers() -> HtmxHeaders:
    """Return the HX-… headers of the current request; false where a browser itself asks."""
    headers: HtmxHeaders = request.htmx  # type: ignore[attr-defined]  # set by htmx-flask's request class
    return headers


def is_part_asked_for() -> bool:
    """Tell whether HTMX asks for a part of the page; a boosted link asks for the whole of it."""
    headers = htmx_headers()
    return bool(headers) and not headers.boosted


def page_or_part(whole: str, part: str, /, **context: Any) -> Response:
    """Render the whole page, or for HTMX the part of it that changes."""
    response = make_response(render_template(part if is_part_asked_for() else whole, **context))
    response.vary.add("HX-Request")
    return response
