"""What a read of the API costs a worker: processor time of one request, beside a bare program with the same SQL.

    python -m bench.request_cost [--rows 20000] [--requests 1000] [--rounds 5] [--profile "one by id"]

Calls both programs in this process, without a server and without a network. What PostgreSQL
spends stands beside it.
bench/README.md says how to read what it prints.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, TextIO

import psycopg2
from flask import Flask

from bench import floor_app, plausible
from bench.harness import databases, fold_totals, say
from tests.e2e.processes import Processes
from tests.support.counting import counted_statements
from webapp import create_app
from webapp.accounts import api_keys, queries, service
from webapp.api import tokens
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.kernel.permissions import Permission

Program = Callable[[dict[str, Any], Callable[..., Any]], Any]
PAYMENTS = "/api/v1/transactions"
CASES = {
    "a bare route of Flask": "/bare",
    "/health: hooks, log, metrics, headers": "/health",
    "/auth/me: who asks, limits": "/api/v1/auth/me",
    "one by id": f"{PAYMENTS}/HIS-{{middle}}",
    "list": PAYMENTS,
    "list by status": f"{PAYMENTS}?status=TO_REVIEW",
}
"""Each does what the one before it does, and more."""
BARE = frozenset({"one by id", "list", "list by status"})
"""What the bare program (floor_app.py) answers as well."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000, help="payments in the database")
    parser.add_argument("--requests", type=int, default=1_000, help="requests of one measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each case, in turn")
    parser.add_argument("--profile", choices=CASES, help="show where the time of one case goes")
    given = parser.parse_args()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return _again_with_shared_counters()
    rows = min(max(given.rows, 1_000), 1_000_000)
    paths = {case: path.format(middle=rows // 2) for case, path in CASES.items()}
    with (
        databases() as make,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Path(os.devnull).open("w") as nowhere,
    ):
        app, callers = product(make(), rows, Path(folder), nowhere)
        if given.profile:
            profile(Calls(app.wsgi_app, paths[given.profile], callers["session"]), given.requests)
        else:
            compare(app, paths, callers, given)
        with app.app_context():
            db.engine.dispose()
    return 0


def _again_with_shared_counters() -> int:
    """Start again with counters in shared files, as workers have them: their library decides when it is loaded."""
    with tempfile.TemporaryDirectory(prefix="bench-metrics-") as folder:
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder}
        command = [sys.executable, "-m", "bench.request_cost", *sys.argv[1:]]
        return subprocess.run(command, env=environment, check=False).returncode


def product(url: str, rows: int, folder: Path, nowhere: TextIO) -> tuple[Flask, dict[str, str]]:
    """Return the application on a database with so many payments, and what may stand after `Bearer`."""
    settings = {
        "DATABASE_URL": url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": "a-secret-of-the-measurement",
        "RATE_LIMIT_REQUESTS": "100000000",
    }
    processes = Processes(database_url=url, folder=folder, settings=settings)
    processes.migrate()
    processes.add_demo_data()
    processes.stop()
    with redirect_stdout(nowhere):  # where its log goes, line by line as in production
        app = create_app(Settings.from_environment(settings))
    with app.app_context():
        cashier = queries.user_by_email("cajera@demo.test")
        assert cashier is not None
        plausible.load(url, rows, cashiers=[str(cashier.id)])
        callers = _callers()
    with redirect_stdout(nowhere):
        fold_totals(url, folder)
    return app, callers


def _callers() -> dict[str, str]:
    """Open a session of the demo's integrator and make a key for it."""
    program, administrator = (
        queries.user_by_email(f"{name}@demo.test") for name in ("integrador", "admin")
    )
    assert program is not None
    assert administrator is not None
    sessions = [
        service.open_session(user=user, lifetime=timedelta(days=1)).session.id
        for user in (program, administrator)
    ]
    signed_in, maker = (queries.open_session(one) for one in sessions)
    assert signed_in is not None
    assert maker is not None
    key = api_keys.issue(
        actor=maker.actor,
        user_id=program.id,
        name="measurement",
        permissions=frozenset({Permission.TRANSACTION_READ}),
    )
    return {"session": tokens.issue(signed_in), "key": key.secret}


class Server:
    """The processes of PostgreSQL that serve this database; they are known by what Linux tells of them."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url.replace("+psycopg2", ""))
        self._connection.autocommit = True

    def seconds(self) -> float:
        """Return their processor time until now."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            served = [Path(f"/proc/{row[0]}/schedstat") for row in cursor.fetchall()]
        return sum(int(path.read_text().split()[0]) for path in served if path.exists()) / 1e9

    def close(self) -> None:
        """Ask no more."""
        self._connection.close()


class Calls:
    """Requests for one path, as a server hands them to a WSGI program."""

    def __init__(self, program: Program, path: str, token: str) -> None:
        self._program = program
        path, _, query = path.partition("?")
        self._environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "RAW_URI": f"{path}?{query}" if query else path,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_SOFTWARE": "gunicorn",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "40000",
            "HTTP_HOST": "127.0.0.1:8000",
            "HTTP_AUTHORIZATION": f"Bearer {token}",
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }

    def make(self, requests: int) -> None:
        """Make so many requests, one after another."""
        for _request in range(requests):
            chunks = self._program({**self._environ, "wsgi.input": BytesIO()}, self._start)
            for _chunk in chunks:
                pass
            if hasattr(chunks, "close"):
                chunks.close()

    def microseconds(self, requests: int, server: Server) -> tuple[float, float]:
        """Return the processor time of one of so many requests, here and in PostgreSQL."""
        there, here = server.seconds(), time.process_time()
        self.make(requests)
        here, there = time.process_time() - here, server.seconds() - there
        return here / requests * 1e6, there / requests * 1e6

    @staticmethod
    def _start(status: str, _headers: Any, _error: Any = None) -> None:
        if not status.startswith("200"):
            raise SystemExit(f"refused: {status}")


def compare(
    app: Flask, paths: dict[str, str], callers: dict[str, str], given: argparse.Namespace
) -> None:
    """Measure every case in turn, several times, and print one line for each."""
    plain = Flask("plain")
    plain.add_url_rule("/bare", view_func=lambda: "{}")
    os.environ["FLOOR_DATABASE_URL"] = app.config["SQLALCHEMY_DATABASE_URI"].replace(
        "+psycopg2", ""
    )
    session = _session_named_in(app, callers["session"])
    measured = {
        case: [
            Calls(plain.wsgi_app if path == "/bare" else app.wsgi_app, path, token)
            for token in callers.values()
        ]
        + ([Calls(floor_app.application, path, session)] if case in BARE else [])
        for case, path in paths.items()
    }
    seen: dict[tuple[str, int], list[tuple[float, float]]] = {}
    server = Server(app.config["SQLALCHEMY_DATABASE_URI"])
    for _round in range(given.rounds):
        for case, columns in measured.items():
            for place, calls in enumerate(columns):
                calls.make(20)
                seen.setdefault((case, place), []).append(
                    calls.microseconds(given.requests, server)
                )
    server.close()
    say(
        "microseconds here + in PostgreSQL",
        "session         key             bare            statements",
    )
    for case, columns in measured.items():
        told = [_medians(seen[case, place]) for place in range(len(columns))]
        with app.app_context(), counted_statements() as statements:
            columns[0].make(1)
        say(case, "".join(f"{one:<16}" for one in (*told, "", "")[:3]) + str(len(statements)))


def _medians(seen: list[tuple[float, float]]) -> str:
    here, there = (statistics.median(side) for side in zip(*seen, strict=True))
    return f"{here:.0f} + {there:.0f}"


def _session_named_in(app: Flask, token: str) -> str:
    with app.app_context():
        return str(tokens.decode(token)["sid"])


def profile(calls: Calls, requests: int) -> None:
    """Print the functions in which most of the time is spent."""
    calls.make(50)
    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(calls.make, requests)
    for order in ("cumulative", "tottime"):
        pstats.Stats(profiler).sort_stats(order).print_stats(60)


if __name__ == "__main__":
    raise SystemExit(main())
