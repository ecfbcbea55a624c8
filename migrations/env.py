"""Alembic's environment: the application's database and models."""

from __future__ import annotations

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from webapp.kernel.database import db
from webapp.models import Base


def run() -> None:
    """Run each migration in a transaction of its own, on the connection given or on one of the app's."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _run_on(given)
        return
    with current_app.app_context(), db.engine.connect() as connection:
        _run_on(connection)


def _run_on(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        # A lock on a table in use lasts as long as its own migration, not as long as all of them.
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
