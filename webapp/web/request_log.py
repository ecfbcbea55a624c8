"""The request's id, its line in the log without its query, and its count in the metrics (ERD 11)."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from webapp.kernel import error_reports
from webapp.kernel.config import Settings
from webapp.kernel.logs import configure_logging
from webapp.kernel.metrics import REQUEST_COUNT, REQUEST_DURATION

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = structlog.get_logger(__name__)


def init_app(app: Flask, settings: Settings) -> None:
    """Give every request an id, log it without its query, and count it."""
    configure_logging(settings.log_level, error_reports.reporter(settings))

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        g.started = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.get("request_id", "")
        route = request.url_rule.rule if request.url_rule else "(none)"
        method = request.method if request.method in _METHODS else "OTHER"
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        REQUEST_COUNT.labels(method, route, response.status_code).inc()
        REQUEST_DURATION.labels(method, route).observe(seconds)
        actor = g.get("actor")
        log.info(
            "request",
            method=method,
            route=route,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
            user=str(actor.id) if actor else None,
        )
        return response
