"""The whole suite runs on a real PostgreSQL with real commits; the network is closed but for loopback."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.support.background import settle
from tests.support.bank import FakeGateway
from tests.support.pages import Browser
from tests.support.people import Cast, create_cast
from webapp import create_app
from webapp.development.postgres import EmbeddedPostgres
from webapp.kernel.config import PROJECT_ROOT, Settings
from webapp.kernel.database import db, normalise_database_url

EMPTIED = [
    "transaction_events",
    "bank_calls",
    "bank_health",
    "transactions",
    "rate_limits",
    "account_events",
    "api_keys",
    "refresh_tokens",
    "idempotency_keys",
    "user_sessions",
    "webhook_attempts",
    "webhook_deliveries",
    "webhook_endpoints",
]
APPEND_ONLY = ("transaction_events", "bank_calls", "webhook_attempts", "account_events")


def server_url() -> str:
    """The server that the environment names, else an embedded one for tests only."""
    given = os.environ.get("DATABASE_URL")
    if given:
        return normalise_database_url(given)
    return EmbeddedPostgres(PROJECT_ROOT / ".data" / "test-postgres", durable=False).acquire()


@pytest.fixture(scope="session")
def new_database() -> Iterator[DatabaseMaker]:
    """Makes empty databases of our own on the server, and removes them at the end."""
    maker = DatabaseMaker(server_url())
    yield maker
    maker.remove_all()


class DatabaseMaker:
    """Creates databases that nobody else uses."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        self._made: list[str] = []

    def __call__(self) -> str:
        name = f"areamedica_test_{secrets.token_hex(6)}"
        with self._engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        self._made.append(name)
        return self._url.set(database=name).render_as_string(hide_password=False)

    def remove_all(self) -> None:
        with self._engine.connect() as connection:
            for name in self._made:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        self._engine.dispose()


@pytest.fixture(scope="session")
def database_url(new_database: DatabaseMaker) -> str:
    """An empty database for this run."""
    return new_database()


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a development application on the test database."""
    data_dir: Path = tmp_path_factory.mktemp("data")
    return Settings.from_environment(
        {
            "DATABASE_URL": database_url,
            "DATABASE_POOL_SIZE": "10",
            "DATA_DIR": str(data_dir),
            "SECRET_KEY": "a-secret-of-the-tests-only",
            "LOG_LEVEL": "INFO",
        }
    )


@pytest.fixture(scope="session")
def migrated_app(settings: Settings) -> Iterator[Flask]:
    """The application on a migrated database, with its cast."""
    app = create_app(settings)
    with app.app_context():
        upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def cast(migrated_app: Flask) -> Cast:
    """Cashier, other cashier, supervisor, other supervisor, administrator, integrator."""
    with migrated_app.app_context():
        return create_cast()


@pytest.fixture
def app(migrated_app: Flask, cast: Cast) -> Iterator[Flask]:
    """The application on an empty database: only the cast is there."""
    with migrated_app.app_context():
        _empty(cast)
        yield migrated_app
        db.session.remove()


def _empty(cast: Cast) -> None:
    settle()
    for table in APPEND_ONLY:
        db.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    db.session.execute(text(f"TRUNCATE {', '.join(EMPTIED)}"))
    for table in APPEND_ONLY:
        db.session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
    db.session.execute(
        text("DELETE FROM users WHERE email <> ALL(:kept)"), {"kept": list(cast.emails)}
    )
    db.session.commit()


@pytest.fixture
def bank(app: Flask, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """A bank whose answers the test chooses; calls are recorded and limited as in earnest."""
    return FakeGateway.put_into(app, monkeypatch)


@pytest.fixture
def anyone(app: Flask) -> Browser:
    """A browser in which nobody is signed in."""
    return Browser(app)


@pytest.fixture
def cashier(app: Flask, cast: Cast) -> Browser:
    """The cashier's browser."""
    return Browser(app).sign_in(cast.cashier)


@pytest.fixture
def other_cashier(app: Flask, cast: Cast) -> Browser:
    """The second cashier's browser."""
    return Browser(app).sign_in(cast.other_cashier)


@pytest.fixture
def supervisor(app: Flask, cast: Cast) -> Browser:
    """The supervisor's browser."""
    return Browser(app).sign_in(cast.supervisor)


@pytest.fixture
def admin(app: Flask, cast: Cast) -> Browser:
    """The administrator's browser."""
    return Browser(app).sign_in(cast.admin)
