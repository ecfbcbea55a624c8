"""The database: PostgreSQL, through SQLAlchemy and psycopg2."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import psycopg2
from sqlalchemy import (
    CursorResult,
    DateTime,
    Engine,
    MetaData,
    QueuePool,
    Select,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session
from sqlalchemy.pool import ConnectionPoolEntry

from webapp.kernel.server_watch import CONNECT_SECONDS, ServerWatch, WatchedCursor

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of every table; moments are aware and stored in UTC."""

    metadata = MetaData(naming_convention=NAMING)


# On the registry: Flask-SQLAlchemy derives a second base from this one, which may not repeat the map.
Base.registry.update_type_annotation_map({datetime: DateTime(timezone=True)})


class SessionSource(Protocol):
    """Provides sessions and connections: Flask-SQLAlchemy, which knows the running application."""

    @property
    def session(self) -> scoped_session[Any]:
        """The session of the current request or task."""
        ...

    @property
    def engine(self) -> Engine:
        """The engine of the running application."""
        ...


class Database:
    """The session and engine in force, for code that knows no web; `webapp.web.extensions` binds them."""

    def __init__(self) -> None:
        self._source: SessionSource | None = None

    def bind(self, source: SessionSource) -> None:
        """Take sessions and connections from `source`."""
        self._source = source

    @property
    def session(self) -> scoped_session[Session]:
        """The session of the current request or task."""
        return self._bound.session

    def read(
        self, statement: Select[Any], values: Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Run a statement of columns in the unit of work of `session`, whose objects stay out of it.

        What was changed in them and not flushed yet is not seen.
        """
        return self.session.connection().execute(statement, values)

    @property
    def engine(self) -> Engine:
        """The engine, for work outside the session's unit of work."""
        return self._bound.engine

    @property
    def _bound(self) -> SessionSource:
        if self._source is None:
            raise RuntimeError("no source of sessions is bound")
        return self._source


db = Database()


def normalise_database_url(url: str) -> str:
    """Return a PostgreSQL address in the spelling that SQLAlchemy and psycopg2 understand.

    Raises ValueError for anything that is not PostgreSQL.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("must start with postgresql://")
    normal = f"postgresql+psycopg2://{rest}"
    try:
        make_url(normal)
    except (ArgumentError, ValueError):
        raise ValueError("is not a database address") from None
    return normal


RESTED_SECONDS = 1.0
"""A connection that was idle for so long is tried before it is used: the server may have gone meanwhile."""


class Pool(QueuePool):
    """A pool that tries connections which rested, or on which something came while nobody asked: mostly their end.

    One that was just used is taken as it is, which saves a statement of nearly every request.
    """


@event.listens_for(Pool, "checkin")
def _note_rest(_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["idle_since"] = time.monotonic()


@event.listens_for(Pool, "checkout")
def _try_rested(connection: Any, entry: ConnectionPoolEntry, _lent: Any) -> None:
    """Try a connection that may be dead. Raises InvalidatePoolError where it is: all others are made again then."""
    idle_since = entry.info.get("idle_since")
    if idle_since is None:
        return
    if time.monotonic() - idle_since < RESTED_SECONDS and not _has_come(connection):
        return
    try:
        connection.autocommit = True  # the one statement is a transaction by itself
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.autocommit = False
    except psycopg2.Error as error:
        raise InvalidatePoolError() from error


def _has_come(connection: Any) -> bool:
    """Tell whether something came on the connection, or whether it is closed."""
    if connection.closed:
        return True
    line = select.poll()
    line.register(connection.fileno(), select.POLLIN)
    return bool(line.poll(0))


def engine_options(*, pool_size: int, max_overflow: int) -> dict[str, Any]:
    """Return engine options under which a dead or frozen server is noticed within seconds.

    A server that answers but is slow is bounded by its own timeouts, given here in milliseconds.
    """
    watch = ServerWatch()
    return {
        "poolclass": Pool,
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_timeout": 5,
        "pool_recycle": 300,
        "hide_parameters": True,
        "connect_args": {
            "connection_factory": watch.connect,
            "cursor_factory": WatchedCursor,
            "connect_timeout": CONNECT_SECONDS,
            "keepalives": 1,
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            "options": "-c statement_timeout=15000 -c lock_timeout=10000"
            " -c idle_in_transaction_session_timeout=60000 -c timezone=UTC",
            "application_name": "areamedica-pagos",
        },
    }
