"""Unbound instances of the Flask extensions; `create_app` binds them to an application."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app
from flask_babel import Babel
from flask_caching import Cache
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from htmx_flask import Htmx

from webapp.kernel.background import Context
from webapp.kernel.database import Base, db

sqlalchemy = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
db.bind(sqlalchemy)
csrf = CSRFProtect()
login_manager = LoginManager()
cache = Cache()
babel = Babel()
htmx = Htmx()


class Migrations:
    """What `flask db` finds of an application (`app.extensions["migrate"]`): Flask-Migrate, imported when it first asks.

    A web process never does, and Alembic takes time and memory.
    """

    def __init__(self, app: Flask, directory: str) -> None:
        self._app = app
        self._directory = directory

    def __getattr__(self, name: str) -> Any:
        """Put Flask-Migrate's own extension in this one's place, and return what was asked of it."""
        from flask_migrate import Migrate

        Migrate(self._app, sqlalchemy, directory=self._directory)
        return getattr(self._app.extensions["migrate"], name)


def app_context() -> Context:
    """Return what enters the running application's context, for work outside this request."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app.app_context
