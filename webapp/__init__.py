"""Área Médica Pagos: did this money really arrive?"""

from __future__ import annotations

import os
from datetime import datetime

from flask import Flask
from jinja2 import StrictUndefined

from webapp import cli, models
from webapp.accounts import queries as account_queries
from webapp.accounts import signin
from webapp.accounts.admin_views import bp as administration_pages
from webapp.accounts.views import bp as accounts_pages
from webapp.api import cors, limiting
from webapp.api.openapi.pages import pages as api_docs
from webapp.api.routes import bp as api
from webapp.api.tokens import ApiGate
from webapp.banking import connection, in_force
from webapp.banking.views import bp as banking_pages
from webapp.development.postgres import EmbeddedPostgres
from webapp.kernel.config import PROJECT_ROOT, Settings
from webapp.kernel.database import engine_options
from webapp.kernel.shared_cache import SharedCache
from webapp.reports.views import bp as reports_pages
from webapp.reviews.views import bp as reviews_pages
from webapp.throttling import attempts
from webapp.transactions import queries as transaction_queries
from webapp.transactions.views import bp as transactions_pages
from webapp.web import (
    assets,
    compression,
    error_pages,
    guard,
    health,
    language,
    navigation,
    request_log,
    security,
    strict_json,
    template_filters,
)
from webapp.web.application import Application
from webapp.web.extensions import Migrations, cache, csrf, htmx, sqlalchemy
from webapp.webhooks import sending

__all__ = ["create_app", "models"]


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application that the settings describe (default: the environment's).

    Raises SettingsError with one line that names the variable.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = Application(
        __name__,
        template_folder=str(PROJECT_ROOT / "templates"),
        static_folder=None,
    )
    app.jinja_env.undefined = StrictUndefined
    app.config["SETTINGS"] = settings
    strict_json.init_app(app)
    app.config.update(security.session_config(settings))
    request_log.init_app(app, settings)
    compression.init_app(app)
    security.init_app(app, settings)
    _bind_extensions(app, settings)
    language.init_app(app)
    template_filters.init_app(app)
    error_pages.init_app(app)
    cors.init_app(app, settings)
    signin.init_app(app)
    guard.init_app(app, pages=signin.PagesGate(), api=ApiGate())
    limiting.init_app(app, settings)
    attempts.init_app(app, settings)
    bank = connection.connect(settings, SharedCache(cache))
    app.extensions["bank"] = bank
    app.extensions["webhooks"] = sending.connect(settings)
    navigation.init_app(
        app,
        count_for_review=transaction_queries.count_for_review,
        bank_down_since=_down_since,
        bank_environment=lambda: app.extensions["bank"].policy.environment,
    )
    assets.init_app(app)
    health.init_app(app, count_active_users=account_queries.count_active)
    for blueprint in (
        accounts_pages,
        administration_pages,
        banking_pages,
        transactions_pages,
        reviews_pages,
        reports_pages,
        api,
        api_docs,
    ):
        app.register_blueprint(blueprint)
    cli.init_app(app)
    return app


def _bind_extensions(app: Flask, settings: Settings) -> None:
    url = settings.database_url or EmbeddedPostgres(settings.data_dir / "postgres").acquire()
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(
        pool_size=settings.database_pool_size, max_overflow=settings.database_max_overflow
    )
    sqlalchemy.init_app(app)
    app.extensions["migrate"] = Migrations(app, str(PROJECT_ROOT / "migrations"))
    csrf.init_app(app)
    htmx.init_app(app)
    cache.init_app(app, config=_cache_config(settings))


def _cache_config(settings: Settings) -> dict[str, object]:
    common: dict[str, object] = {"CACHE_DEFAULT_TIMEOUT": settings.cache_ttl}
    if settings.redis_url:
        return {
            **common,
            "CACHE_TYPE": "RedisCache",
            "CACHE_REDIS_URL": settings.redis_url,
            "CACHE_OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    folder = str(settings.data_dir / "cache")
    return {**common, "CACHE_TYPE": "FileSystemCache", "CACHE_DIR": folder}


def _down_since() -> datetime | None:
    state = in_force.health()
    return None if state.up else state.since
