"""Databases of `flat`: migrated, with demo people, twenty cashiers, plausible payments, calls and users."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql
from sqlalchemy.engine import make_url

from bench import plausible
from tests.e2e.processes import Processes
from tests.support.databases import MIGRATIONS
from webapp.development.postgres import EmbeddedPostgres
from webapp.kernel.config import PROJECT_ROOT

CASHIERS = 20
PAYMENTS_A_CALL = 1
PAYMENTS_A_USER = 200
CASHIER = """
INSERT INTO users (id, email, password_hash, full_name, role)
SELECT ('c0000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'caja' || n || '@bench.test', 'x', 'Caja ' || n, 'cashier'
FROM generate_series(1, %s) n RETURNING id::text
"""
PERSON = """
INSERT INTO users (email, password_hash, full_name, role, is_active)
SELECT 'persona' || n || '@bench.test', 'x', 'Persona ' || md5(n::text), 'cashier', n %% 3 = 0 FROM generate_series(1, %s) n
"""


@contextmanager
def databases(*, keep: bool, revision: str = "head") -> Iterator[Callable[[int], str]]:
    """Yield what gives the URL of a database with so many payments; they are removed at the end, unless kept."""
    server = make_url(EmbeddedPostgres(PROJECT_ROOT / ".data" / "bench-postgres").acquire())
    made: list[str] = []

    def database(rows: int) -> str:
        name = f"flat_{rows}_{revision}_{_digest()}"
        url = server.set(database=name).render_as_string(hide_password=False)
        made.append(name)
        if not _create(str(server.render_as_string(hide_password=False)), name):
            return url
        _fill(url, rows, revision)
        return url

    try:
        yield database
    finally:
        if not keep:
            for name in made:
                _run(
                    server.render_as_string(hide_password=False),
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)),
                )


def _digest() -> str:
    """Tell databases of other migrations or other plausible rows apart."""
    digest = hashlib.sha256()
    for path in [*sorted(MIGRATIONS.rglob("*.py")), Path(plausible.__file__), Path(__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _create(server: str, name: str) -> bool:
    try:
        _run(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg2.errors.DuplicateDatabase:
        return False
    return True


def _run(url: str, statement: sql.Composable) -> None:
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def _fill(url: str, rows: int, revision: str) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        processes = Processes(database_url=url, folder=Path(folder))
        try:
            processes.migrate(revision)
            processes.add_demo_data()
        finally:
            processes.stop()
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    with connection, connection.cursor() as cursor:
        cursor.execute(CASHIER, (CASHIERS,))
        cashiers = [row[0] for row in cursor.fetchall()]
        cursor.execute(PERSON, (rows // PAYMENTS_A_USER,))
    connection.close()
    plausible.load(url, rows, cashiers=cashiers)
    plausible.load_calls(url, rows // PAYMENTS_A_CALL, payments=rows)
