"""Limits on every request of the API: how many a caller may make, and how large a body may be."""

from __future__ import annotations

from contextlib import suppress

import structlog
from flask import Flask, Response, current_app, g, make_response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from webapp.accounts.queries import KeyHolder
from webapp.api.contract.operation import current_operation
from webapp.kernel.config import Settings
from webapp.kernel.errors import Malformed, TooManyRequests
from webapp.kernel.i18n import gettext as _
from webapp.throttling import attempts, request_rate
from webapp.throttling.request_rate import RequestLimits, Usage
from webapp.web.error_pages import problem_response, wants_json

log = structlog.get_logger(__name__)

EXTENSION = "request_limits"
MAX_DRAINED = 4 * 1024 * 1024
"""How many bytes of a refused body are read."""
RETRYABLE = frozenset({409, 429, 503})
"""Statuses that may bring Retry-After."""


def check_rate() -> None:
    """Count this request for its token and its address. Raises TooManyRequests."""
    usage = _count_request()
    if not usage.allowed:
        raise TooManyRequests(retry_after=usage.reset)


def check_size() -> None:
    """Refuse a body that is too large, also where no view would read it. Raises RequestEntityTooLarge (413)."""
    if not wants_json() or request.endpoint is None:
        return
    operation = current_operation()
    most = (operation and operation.max_body) or request.max_content_length
    if most is None:
        return
    request.max_content_length = most
    if (request.content_length or 0) > most:
        raise RequestEntityTooLarge()
    if request.content_length is None and "Transfer-Encoding" in request.headers:
        # Of a body in chunks Werkzeug would read the first `most` bytes and take them for the whole.
        request.max_content_length = most + 1
        if len(_whole_body()) > most:
            raise RequestEntityTooLarge()


def _whole_body() -> bytes:
    """Read a body that comes in chunks. Raises Malformed where the chunks are broken; servers raise various errors."""
    try:
        return request.get_data()
    except HTTPException:
        raise
    except Exception as error:
        log.warning("body_unreadable", kind=type(error).__name__)
        raise Malformed(_("El cuerpo no se puede leer.")) from None


def _drain_body() -> None:
    """Read what is left of a refused body: servers close the connection of a client that is still sending."""
    if not request.environ.get("wsgi.input_terminated"):
        return
    unread = request.environ["wsgi.input"]
    left = MAX_DRAINED
    with suppress(Exception):  # the response is ready; at worst the client does not get it
        while left > 0 and (part := unread.read(min(left, 65_536))):
            left -= len(part)


def init_app(app: Flask, settings: Settings) -> None:
    """Install the limits, and put their headers on every response of the API."""
    app.extensions[EXTENSION] = request_rate.connect(settings)
    app.before_request(check_size)

    @app.after_request
    def add_headers(response: Response) -> Response:
        if not wants_json() or request.method == "OPTIONS":
            return response
        if response.status_code >= 400:
            _drain_body()
        if "usage" not in g and response.status_code < 500:
            response = _count_refused(response)
        if "usage" in g:
            response.headers.update(g.usage.headers)
        if response.status_code not in RETRYABLE:  # the limits on sign-ins put it on every response
            response.headers.pop("Retry-After", None)
        return response


def _count_refused(response: Response) -> Response:
    """Count a request that was refused before `check_rate` (no token, no such path), and refuse it beyond the limit."""
    try:
        usage = _count_request()
    except SQLAlchemyError as error:
        log.error("database_unavailable", kind=type(error).__name__)
        return response
    if usage.allowed:
        return response
    return make_response(problem_response(TooManyRequests(retry_after=usage.reset)))


def _count_request() -> Usage:
    counter: RequestLimits = current_app.extensions[EXTENSION]
    callers = [f"address {attempts.address()}"]
    caller = g.get("api_caller")
    if caller is not None:
        # Tokens before addresses, in every process, so that rows are locked in one order.
        own = caller.key_id if isinstance(caller, KeyHolder) else caller.session_id
        callers.insert(0, f"token {own}")
    usage = counter.take(callers)
    g.usage = usage
    return usage
