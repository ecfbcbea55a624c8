"""Databases for tests: empty ones, and copies of one template that was migrated once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from webapp.development.postgres import EmbeddedPostgres
from webapp.kernel.config import PROJECT_ROOT
from webapp.kernel.database import normalise_database_url

MIGRATIONS = PROJECT_ROOT / "migrations"
TEMPLATE = "areamedica_template_"
"""Followed by a digest of the migrations: the template stays for the next run while they are the same."""
TEMPLATE_LOCK = 719_300_551
"""PostgreSQL's advisory lock under which the template is made, copied and removed."""


def server_url() -> str:
    """Return the server that the environment names, else an embedded one for tests only."""
    given = os.environ.get("DATABASE_URL")
    if given:
        return normalise_database_url(given)
    return EmbeddedPostgres(PROJECT_ROOT / ".data" / "test-postgres", durable=False).acquire()


class DatabaseMaker:
    """Creates databases that nobody else uses."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        self._made: list[str] = []

    def __call__(self) -> str:
        """Create an empty database; returns its URL."""
        with self._engine.connect() as connection:
            return self._create(connection)

    def migrated(self) -> str:
        """Create a database with all tables, copied from the template; returns its URL."""
        with self._engine.connect() as connection, _template_locked(connection):
            return self._create(connection, template=self._template(connection))

    def remove_all(self) -> None:
        """Remove the databases that were created, but not the template."""
        with self._engine.connect() as connection:
            for name in self._made:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        self._engine.dispose()

    def _create(self, connection: Connection, *, template: str = "template1") -> str:
        name = f"areamedica_test_{secrets.token_hex(6)}"
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        self._made.append(name)
        return self._address(name)

    def _template(self, connection: Connection) -> str:
        """Make the template unless it is there, and remove those of other migrations."""
        wanted = f"{TEMPLATE}{_digest_of_migrations()}"
        there = connection.scalars(
            text("SELECT datname FROM pg_database WHERE starts_with(datname, :prefix)"),
            {"prefix": TEMPLATE},
        ).all()
        for stale in set(there) - {wanted}:
            connection.execute(text(f"DROP DATABASE {stale} WITH (FORCE)"))
        if wanted not in there:
            unfinished = f"{TEMPLATE}unfinished"  # One that was interrupted is removed as stale.
            connection.execute(text(f"CREATE DATABASE {unfinished}"))
            _migrate(self._address(unfinished))
            connection.execute(text(f"ALTER DATABASE {unfinished} RENAME TO {wanted}"))
        return wanted

    def _address(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)


@contextlib.contextmanager
def _template_locked(connection: Connection) -> Iterator[None]:
    """Let only one process at a time look at the template."""
    lock = {"lock": TEMPLATE_LOCK}
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), lock)
    try:
        yield
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), lock)


def _digest_of_migrations() -> str:
    digest = hashlib.sha256()
    for path in sorted(MIGRATIONS.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _migrate(url: str) -> None:
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
