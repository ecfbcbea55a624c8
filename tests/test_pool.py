"""Connections to the database: how many there are, and which of them are tried before they are used."""

from __future__ import annotations

import runpy
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from webapp.kernel import database
from webapp.kernel.config import PROJECT_ROOT, Settings
from webapp.kernel.database import engine_options
from webapp.transactions import asking, worker

PID = text("SELECT pg_backend_pid()")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine with two connections, and one more when both are in use."""
    options = {**engine_options(pool_size=2, max_overflow=1), "pool_timeout": 0.3}
    engine = create_engine(database_url, **options)
    yield engine
    engine.dispose()


def pid(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(PID) or 0)


def end(engine: Engine, process: int) -> None:
    """Let the server end a connection, as when it is restarted."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": process})


def test_a_connection_is_used_again(engine: Engine):
    assert pid(engine) == pid(engine)


def test_a_connection_that_the_server_ended_is_replaced_unseen(engine: Engine, database_url: str):
    dead = pid(engine)
    other = create_engine(database_url)
    end(other, dead)
    other.dispose()
    assert pid(engine) != dead


def test_a_connection_that_rested_is_tried_before_it_is_used(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    tried: list[object] = []
    monkeypatch.setattr(database, "RESTED_SECONDS", 0.0)
    monkeypatch.setattr(database, "_has_come", tried.append)
    first = pid(engine)
    assert pid(engine) == first
    assert tried == []  # the question to the server says more than the line
    monkeypatch.setattr(database, "RESTED_SECONDS", 60.0)
    assert pid(engine) == first
    assert len(tried) == 1


def test_a_thread_that_finds_every_connection_in_use_waits_for_one(engine: Engine):
    """As many threads as connections never wait; one more gets the first that is given back, or is told."""
    held = [engine.connect() for _ in range(3)]
    with pytest.raises(PoolTimeout):
        engine.connect()
    threading.Timer(0.05, held.pop().close).start()
    assert pid(engine)
    for connection in held:
        connection.close()


def test_the_default_pool_is_as_large_as_a_process_needs():
    """A thread uses one connection, and a second one for a moment where a limit is counted beside its work."""
    gunicorn = runpy.run_path(str(PROJECT_ROOT / "gunicorn.conf.py"))
    web = 2 * gunicorn["threads"] + asking.bank_pool._size
    asking_and_sending = 2 * (worker.THREADS + 4)
    assert max(web, asking_and_sending) <= Settings.variables()["DATABASE_POOL_SIZE"].default
