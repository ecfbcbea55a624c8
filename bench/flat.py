"""The same requests on a small and on a large database: what each costs, and how much more it costs with more rows.

    python -m bench.flat [--rows 10000 --rows 1000000] [--repeats 9] [--only WORD] [--plot FILE.svg] [--keep]

Loads plausible payments, calls to the bank and users by COPY, one database a size, and sends the same requests to both in turn,
one at a time. The requests reach the WSGI application in this process: so the processor time of a request, in Python and in its
server processes of PostgreSQL, is known exactly, whatever else the machine does. bench/README.md says how to read it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
from flask import Flask
from sqlalchemy import text
from werkzeug.test import EnvironBuilder

from bench import flat_database
from bench.flat_cases import Case, cases
from bench.harness import say
from bench.plot import Series, log_plot
from tests.support.pages import Browser
from tests.support.people import Person
from webapp import create_app
from webapp.accounts import queries as accounts
from webapp.development.demo import DEMO_PASSWORD
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.kernel.permissions import Role
from webapp.transactions.totals import keeping

BOUND = 1.5
PLOTTED = {
    "list": "page / first page",
    "filter": "page / status TO_REVIEW",
    "search": "page / a name, its beginning",
    "last page": "page / last page",
}


@dataclass
class Seen:
    """What one case cost at one size, request by request, in milliseconds."""

    waited: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)


class Side:
    """The product on the database of one size, with an administrator who is signed in by page and by API."""

    def __init__(self, app: Flask, rows: int) -> None:
        self.app, self.rows = app, rows
        self.cases: list[Case] = []
        self._watch = psycopg2.connect(
            str(app.config["SQLALCHEMY_DATABASE_URI"]).replace("+psycopg2", "")
        )
        self._watch.autocommit = True
        with app.app_context():
            _fold()
            with db.engine.connect() as connection:
                self.cases = cases(connection, rows)
            user = accounts.user_by_email("admin@demo.test")
            if user is None:
                raise RuntimeError("the demo data has no administrator")
            admin = Person(user.email, user.full_name, Role.ADMIN, user.as_actor())
        browser = Browser(app).sign_in(admin, DEMO_PASSWORD)
        cookies = browser.client._cookies or {}  # noqa: SLF001 - the test client offers no list
        self._cookie = "; ".join(f"{one.decoded_key}={one.value}" for one in cookies.values())
        signed_in = app.test_client().post(
            "/api/v1/auth/login", json={"email": admin.email, "password": DEMO_PASSWORD}
        )
        self._token = str(signed_in.get_json()["access_token"])

    def ask(self, case: Case) -> tuple[float, float]:
        """Send one request; return how long it took and how much processor time it used, in milliseconds."""
        headers = {"Host": "localhost", "Accept": "text/html"}
        if case.kind == "api":
            headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        else:
            headers["Cookie"] = self._cookie
        environ = EnvironBuilder(path=case.path, headers=list(headers.items())).get_environ()
        status: list[str] = []
        servers = self._server_processes()
        worked, begun = self._work(servers), time.perf_counter()
        answer = self.app.wsgi_app(environ, lambda line, *_rest: status.append(line))  # type: ignore[arg-type]
        length = sum(len(part) for part in answer)
        took = time.perf_counter() - begun
        with suppress(AttributeError):
            answer.close()  # type: ignore[attr-defined]
        worked = self._work(servers) - worked
        if not status[0].startswith("200") or not length:
            raise RuntimeError(f"{case.path}: {status[0]}")
        return took * 1_000, worked * 1_000

    def _server_processes(self) -> list[int]:
        """Return the processes of PostgreSQL that serve this database, but for the one that tells."""
        with self._watch.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
                " AND pid <> pg_backend_pid()"
            )
            return [row[0] for row in cursor.fetchall()]

    @staticmethod
    def _work(servers: list[int]) -> float:
        spent = 0
        for pid in servers:
            with suppress(FileNotFoundError):  # one that has just ended
                spent += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        return time.process_time() + spent / 1e9


def main() -> int:
    """Measure and print; 1 where something costs more than the bound."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, action="append", help="payments; once for each size")
    parser.add_argument("--repeats", type=int, default=9, help="measurements of each case and size")
    parser.add_argument("--only", default="", help="measure only cases with this in their name")
    parser.add_argument("--plot", type=Path, help="write median against rows as SVG")
    parser.add_argument("--keep", action="store_true", help="keep the databases for the next run")
    given = parser.parse_args()
    sizes = sorted(set(given.rows or [10_000, 1_000_000]))
    with sides(sizes, keep=given.keep) as loaded:
        names = [case.name for case in loaded[0].cases if given.only in case.name]
        seen = measured(loaded, names, given.repeats)
    over = report(seen, names, sizes)
    if given.plot:
        series = [
            Series(label, sizes, [statistics.median(seen[name, rows].worked) for rows in sizes])
            for label, name in PLOTTED.items()
            if name in names
        ]
        given.plot.write_text(log_plot(series, x="payments", y="ms of processor time, median"))
    return 1 if over else 0


@contextmanager
def sides(sizes: list[int], *, keep: bool) -> Iterator[list[Side]]:
    """Load a database for each size and start the product on it, in this process."""
    with (
        flat_database.databases(keep=keep) as database,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
    ):
        yield [Side(_app(database(rows), Path(folder)), rows) for rows in sizes]


def _app(url: str, folder: Path) -> Flask:
    settings = {
        "DATABASE_URL": url,
        "DATABASE_POOL_SIZE": "3",
        "DATABASE_MAX_OVERFLOW": "0",
        "DATA_DIR": str(folder),
        "SECRET_KEY": "a-secret-of-the-measurements",
        "RATE_LIMIT_REQUESTS": "100000000",
        "LOG_LEVEL": "ERROR",
    }
    return create_app(Settings.from_environment(settings))


def _fold() -> None:
    """Fold the totals of what was loaded, as the worker would."""
    if not keeping.fold():
        return
    while keeping.fold():
        pass
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))


def measured(loaded: list[Side], names: list[str], repeats: int) -> dict[tuple[str, int], Seen]:
    """Send every case to every size in turn, once before it counts."""
    seen = {(name, side.rows): Seen() for name in names for side in loaded}
    for name in names:
        asked = [(side, next(one for one in side.cases if one.name == name)) for side in loaded]
        for turn in range(repeats + 2):
            for side, case in asked:
                waited, worked = side.ask(case)
                if turn > 1:
                    seen[name, side.rows].waited.append(waited)
                    seen[name, side.rows].worked.append(worked)
    return seen


def report(seen: dict[tuple[str, int], Seen], names: list[str], sizes: list[int]) -> int:
    """Print every case, the one that grows most first; return how many grow more than the bound."""
    small, large = sizes[0], sizes[-1]

    def work(name: str, rows: int) -> float:
        return statistics.median(seen[name, rows].worked)

    def ratio(name: str) -> float:
        return work(name, large) / work(name, small)

    columns = "".join(f"{rows:>20,}" for rows in sizes)
    say("median ms: processor time (waited)", f"{columns}     x")
    for name in sorted(names, key=ratio, reverse=True):
        values = "".join(
            f"{work(name, rows):>11.1f} ({statistics.median(seen[name, rows].waited):>5.1f}) "
            for rows in sizes
        )
        say(name, f"{values}{ratio(name):>8.2f}{'  OVER' if ratio(name) > BOUND else ''}")
    over = sum(ratio(name) > BOUND for name in names)
    say(f"{len(names)} cases, over {BOUND}:", str(over))
    return over


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except psycopg2.Error as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
