"""Request ids, JSON logs without personal data, and the metrics of ERD 11."""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
import uuid
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram

from webapp import error_reports
from webapp.config import Settings
from webapp.error_reports import Report

REQUEST_COUNT = Counter(
    "http_requests_total", "Total HTTP requests", ["method", "endpoint", "status_code"]
)
REQUEST_DURATION = Histogram(
    "http_request_duration_seconds", "HTTP request duration in seconds", ["method", "endpoint"]
)
TRANSACTION_COUNT = Counter(
    "transactions_total", "Transactions that reached a status", ["status", "bank"]
)
BANESCO_API_CALLS = Counter(
    "banesco_api_calls_total", "Total calls to Banesco API", ["status", "operation"]
)
WEBHOOK_DELIVERIES = Counter(
    "webhook_deliveries_total", "Attempts to deliver webhooks, and deliveries given up", ["outcome"]
)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = structlog.get_logger(__name__)


def _exception_without_values(
    logger: Any, name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """An exception as its type and places only: messages may quote names, phones or secrets."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        for report in _reports:
            report(error)
        event["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
        event["trace"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-12:]
        ]
        cause = error.__cause__ or error.__context__
        if cause is not None:
            event["cause"] = f"{type(cause).__module__}.{type(cause).__qualname__}"
    return event


_reports: list[Report] = []


def configure_logging(level: str) -> None:
    """One JSON object a line on standard output, for our loggers and the libraries' alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_values,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("urllib3", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def init_app(app: Flask, settings: Settings) -> None:
    """Give every request an id, log it without its query, and count it."""
    configure_logging(settings.log_level)
    report = error_reports.reporter(settings)
    _reports[:] = [report] if report else []

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
