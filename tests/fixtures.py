"""What every test may ask for: the application on a real PostgreSQL with real commits, a bank, browsers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.background import settle
from tests.support.bank import FakeGateway
from tests.support.databases import DatabaseMaker, server_url
from tests.support.pages import Browser
from tests.support.people import Cast, create_cast
from webapp import create_app
from webapp.kernel.config import Settings
from webapp.kernel.database import Base, db

LEFT_ALONE = {"users", "permissions", "user_permissions"}
"""The tables in which the cast stands; the others are empty when a test begins."""


@pytest.fixture(scope="session")
def new_database() -> Iterator[DatabaseMaker]:
    """Make databases of our own on the server, and remove them at the end."""
    maker = DatabaseMaker(server_url())
    yield maker
    maker.remove_all()


@pytest.fixture(scope="session")
def database_url(new_database: DatabaseMaker) -> str:
    """Return a migrated database for this run, or for this worker's part of it."""
    return new_database.migrated()


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
    """The application on a migrated database."""
    app = create_app(settings)
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
    """Delete what a test has written: much faster than truncating all tables for every test."""
    settle()
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    written = db.session.scalars(
        text(
            " UNION ALL ".join(
                f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})"
                for name in tables
                if name not in LEFT_ALONE
            )
        )
    ).all()
    for name in written:  # Those that refer to others come first.
        db.session.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))  # Of append-only ones.
        db.session.execute(text(f"DELETE FROM {name}"))
        db.session.execute(text(f"ALTER TABLE {name} ENABLE TRIGGER USER"))
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
    return Browser(app).is_signed_in(cast.cashier)


@pytest.fixture
def other_cashier(app: Flask, cast: Cast) -> Browser:
    """The second cashier's browser."""
    return Browser(app).is_signed_in(cast.other_cashier)


@pytest.fixture
def supervisor(app: Flask, cast: Cast) -> Browser:
    """The supervisor's browser."""
    return Browser(app).is_signed_in(cast.supervisor)


@pytest.fixture
def admin(app: Flask, cast: Cast) -> Browser:
    """The administrator's browser."""
    return Browser(app).is_signed_in(cast.admin)
