"""What measurements share: the real processes on a database of their own, and how a result is printed."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.processes import Processes
from tests.support.databases import DatabaseMaker
from webapp.development.postgres import EmbeddedPostgres
from webapp.kernel.config import PROJECT_ROOT

LIMIT = 2
"""BANESCO_RATE_LIMIT: calls about one payment in any 60 s."""


@contextmanager
def databases() -> Iterator[Callable[[], str]]:
    """Gives the URLs of new databases, and removes them at the end."""
    made = DatabaseMaker(EmbeddedPostgres(PROJECT_ROOT / ".data" / "bench-postgres").acquire())
    try:
        yield made
    finally:
        made.remove_all()


@contextmanager
def running(database_url: str, *, web_workers: int, pool: str) -> Iterator[Processes]:
    """Everything, on this database; all pools together must fit into the server's 200."""
    settings = {
        "WEB_CONCURRENCY": str(web_workers),
        "DATABASE_POOL_SIZE": pool,
        "DATABASE_MAX_OVERFLOW": "10",
        "BANESCO_RATE_LIMIT": str(LIMIT),
        "LOG_LEVEL": "WARNING",
        "SANDBOX_HANG_SECONDS": "20",
    }
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        processes = Processes(database_url=database_url, folder=Path(folder), settings=settings)
        try:
            processes.start()
            yield processes
        finally:
            processes.stop()


def say(what: str, value: str = "") -> None:
    """One line of the result."""
    sys.stdout.write(f"{what:<48}{value}\n".rstrip() + "\n")
    sys.stdout.flush()
