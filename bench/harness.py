"""What measurements share: real processes on a database of their own, and the lines of a result."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import text

from tests.e2e.processes import Processes
from tests.support.databases import DatabaseMaker
from webapp import create_app
from webapp.development.postgres import EmbeddedPostgres
from webapp.kernel.config import PROJECT_ROOT, Settings
from webapp.kernel.database import db
from webapp.transactions.totals import keeping

LIMIT = 2
"""BANESCO_RATE_LIMIT: calls about one payment in any 60 s."""


@contextmanager
def databases() -> Iterator[Callable[[], str]]:
    """Yield what makes new databases, as URLs; they are removed at the end."""
    made = DatabaseMaker(EmbeddedPostgres(PROJECT_ROOT / ".data" / "bench-postgres").acquire())
    try:
        yield made
    finally:
        made.remove_all()


@contextmanager
def running(database_url: str, *, web_workers: int, pool: str) -> Iterator[Processes]:
    """Run all processes on this database; their pools together must fit into the server's 200 connections."""
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
    """Print one line of the result."""
    sys.stdout.write(f"{what:<48}{value}\n".rstrip() + "\n")
    sys.stdout.flush()


def fold_totals(url: str, folder: Path) -> None:
    """Fold the kept totals of what was loaded, as the worker does at once, and analyse the tables."""
    settings = {"DATABASE_URL": url, "DATA_DIR": str(folder), "SECRET_KEY": "of a measurement"}
    app = create_app(Settings.from_environment(settings))
    with app.app_context():
        while keeping.fold():
            pass
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
        db.engine.dispose()


def memory_of_workers(master: int, kind: str = "Rss") -> list[float]:
    """Return the memory (MiB; `Rss`, or `Pss` for its own share) of each process that a gunicorn master runs."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    found = []
    for child in children:
        with suppress(OSError):  # it ended in this very moment
            lines = Path(f"/proc/{child}/smaps_rollup").read_text().splitlines()
            sizes = [line.split()[1] for line in lines if line.startswith(f"{kind}:")]
            found += [int(size) / 1024 for size in sizes]
    return found
