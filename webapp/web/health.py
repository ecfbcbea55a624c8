"""Health of the process, its readiness, and its metrics."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache as once

import structlog
from flask import Blueprint, Flask, Response, current_app, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Gauge,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from webapp.kernel.config import PROJECT_ROOT
from webapp.kernel.database import db
from webapp.web.guard import public

bp = Blueprint("health", __name__)
log = structlog.get_logger(__name__)


# A pool of connections may drop the limits that this application asks for (docs/operations.md).
_READY = text("""
SELECT version_num, current_setting('statement_timeout') = '0' OR current_setting('lock_timeout') = '0'
  OR current_setting('idle_in_transaction_session_timeout') = '0' AS unlimited
FROM alembic_version
""")


@bp.get("/health")
@public
def alive() -> ResponseReturnValue:
    """Answer that the process lives; this says nothing about what it depends on."""
    return jsonify(status="ok", version=current_app.config["SETTINGS"].app_version)


@bp.get("/health/ready")
@public
def ready() -> ResponseReturnValue:
    """Answer 200 where the database answers and has the migrations that this code needs, else 503."""
    try:
        rows = db.session.execute(_READY).all()
    except SQLAlchemyError as error:
        log.warning("not_ready", kind=type(error).__name__)
        db.session.rollback()
        reachable = _reachable()
        checks = {
            "database": "ok" if reachable else "unreachable",
            "migrations": "missing" if reachable else "unknown",
        }
        return jsonify(status="unavailable", checks=checks), 503
    behind = [row.version_num for row in rows] != [newest_migration()]
    unlimited = any(row.unlimited for row in rows)
    if unlimited:
        log.warning("database_without_limits")
    checks = {
        "database": "ok",
        "migrations": "behind" if behind else "ok",
        "limits": "missing" if unlimited else "ok",
    }
    return jsonify(status="unavailable" if behind else "ok", checks=checks), 503 if behind else 200


@bp.get("/metrics")
@public
def metrics() -> Response:
    """Answer with the metrics as Prometheus text, summed over the web workers where PROMETHEUS_MULTIPROC_DIR is set."""
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    body = generate_latest(registry) + generate_latest(_active_users())
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def init_app(app: Flask, *, count_active_users: Callable[[], int]) -> None:
    """Register the routes; `count_active_users` is called for each scrape."""
    app.extensions["count_active_users"] = count_active_users
    app.register_blueprint(bp)


@once
def newest_migration() -> str | None:
    """Return the revision that this code needs: migrations are one line, and their files begin with their numbers."""
    files = (PROJECT_ROOT / "migrations" / "versions").glob("[0-9]*_*.py")
    return max((file.name.partition("_")[0] for file in files), default=None)


def _reachable() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return True


def _active_users() -> CollectorRegistry:
    """Count `active_users` into a registry of its own; without a database it is empty and the log says so."""
    registry = CollectorRegistry()
    gauge = Gauge("active_users", "Number of active users", registry=registry)
    try:
        gauge.set(current_app.extensions["count_active_users"]())
    except SQLAlchemyError as error:
        log.warning("metric_left_out", metric="active_users", kind=type(error).__name__)
        db.session.rollback()
        return CollectorRegistry()
    return registry
