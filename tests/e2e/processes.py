"""Starts and ends the real processes, each by its own process id, on free loopback ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import requests
from sqlalchemy import create_engine, text

from tests.support.calls import age_calls
from webapp.development.demo import DEMO_PASSWORD
from webapp.kernel import lifeline
from webapp.kernel.config import PROJECT_ROOT

READY_SECONDS = 120.0
MIGRATION_SECONDS = 1_800.0
"""On a database of any size that measurements load."""
STOP_SECONDS = 15.0
NEXT_CHECK_SECONDS = 35
"""After which the worker asks again about a new payment that the bank does not show yet."""

T = TypeVar("T")


def wait_until(what: Callable[[], T], *, seconds: float, describe: str, every: float = 0.2) -> T:
    """Return the first true result of `what`; fail with `describe` where there is none in time."""
    until = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {describe}"
        time.sleep(every)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Processes:
    """Web with two workers, `flask worker` and `flask sandbox` on a database of their own."""

    def __init__(
        self, *, database_url: str, folder: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        """`settings` replace those that stand here."""
        self.folder = folder
        self.web_port, self.bank_port = free_port(), free_port()
        self.web_url = f"http://127.0.0.1:{self.web_port}"
        self.bank = Bank(f"http://127.0.0.1:{self.bank_port}")
        self.database = create_engine(database_url, pool_size=1, max_overflow=0)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TZ") if name in os.environ}
        self._environment = {
            **kept,
            "PATH": os.pathsep.join(
                (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
            ),
            "PYTHONUNBUFFERED": "1",
            "FLASK_APP": "wsgi",
            "ENVIRONMENT": "development",
            "PORT": str(self.web_port),
            "WEB_CONCURRENCY": "2",
            "DATABASE_URL": database_url,
            "DATABASE_POOL_SIZE": "5",
            "REDIS_URL": os.environ.get("TEST_REDIS_URL", ""),
            "DATA_DIR": str(folder / "data"),
            "SECRET_KEY": "a-secret-of-the-end-to-end-tests",
            "BANESCO_API": "status",
            "BANESCO_ENVIRONMENT": "qa",
            "BANESCO_QA_API_URL": f"{self.bank.url}/v1",
            "BANESCO_QA_AUTH_URL": f"{self.bank.url}/oauth/token",
            "BANESCO_QA_CLIENT_ID": "sandbox-client",
            "BANESCO_QA_CLIENT_SECRET": "sandbox-secret",
            # Short, so that a bank that hangs costs the tests little.
            "BANESCO_TIMEOUT": "3",
            "BANESCO_INTERACTIVE_SECONDS": "3",
            # However the tests end, nothing outlives them.
            lifeline.VARIABLE: str(os.getpid()),
            **(settings or {}),
        }

    def start(self) -> None:
        """Run migrations and demo data, then start everything; returns when the web is ready."""
        self.migrate()
        self.start_bank()
        self.add_demo_data()
        self.start_worker()
        self.start_web()

    def start_web(self) -> None:
        """Start gunicorn and wait until it says that it is ready."""
        self._start("web", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app")
        host = {"Host": "localhost"}
        wait_until(
            lambda: self._answers(f"{self.web_url}/health/ready", "web", headers=host),
            seconds=READY_SECONDS,
            describe="the web is ready",
        )

    def pid_of(self, name: str) -> int:
        """Return the process id of something that was started under this name."""
        return self._running[name].pid

    def migrate(self, revision: str = "head") -> None:
        self._flask("db", "upgrade", revision, seconds=MIGRATION_SECONDS)

    def prove_totals(self) -> str:
        """Compare the kept totals with the payments; return what the command says."""
        return self._flask("totals", "verify", seconds=MIGRATION_SECONDS).strip()

    def add_demo_data(self) -> None:
        """Add the demo people and their payments, which are due at once."""
        self._flask("demo-data")

    def create_user(self, email: str, *, role: str) -> None:
        """Create somebody who signs in with the demo people's password, where those are refused."""
        command = ("users", "create", email, "--name", "María Pérez", "--role", role)
        self._flask(*command, "--password-stdin", typed=f"{DEMO_PASSWORD}\n")

    def start_worker(self, name: str = "worker") -> None:
        self._start(name, "flask", "worker")

    def stop_worker(self, name: str = "worker") -> int:
        """Stop a worker in order (SIGTERM); returns its exit code."""
        return self._end(name, signal.SIGTERM)

    def kill_worker(self, name: str = "worker") -> None:
        """Kill a worker (SIGKILL): it can put nothing in order."""
        self._end(name, signal.SIGKILL)

    def kill_web_worker(self) -> int:
        """Kill one of gunicorn's workers (SIGKILL); returns its process id."""
        master = self._running["web"].pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        victim = int(children[0])
        os.kill(victim, signal.SIGKILL)
        return victim

    def start_bank(self) -> None:
        """Start the sandbox and wait until it listens: the bank is there, with nothing done yet."""
        self._start("sandbox", "flask", "sandbox", "--port", str(self.bank_port))
        wait_until(
            lambda: self._answers(self.bank.url, "sandbox"),
            seconds=READY_SECONDS,
            describe="the sandbox listens",
        )

    def stop_bank(self) -> None:
        """Stop the sandbox; the calls that it saw are kept."""
        self.bank.keep_calls()
        self._end("sandbox", signal.SIGTERM)

    @property
    def lease_seconds(self) -> float:
        """Return the seconds after which a worker's lease ends by itself."""
        return float(self._environment["BANESCO_TIMEOUT"]) * 2 + 30

    def let_time_pass(self, seconds: float) -> None:
        """Let time pass for payments, leases and calls, and at the bank.

        The lease of a question under way would end too early: see `wait_until_nobody_asks`.
        """
        # At the bank first: what the rest sets off must reach the bank after that time.
        self.bank.let_time_pass(seconds)
        with self.database.begin() as connection:
            age_calls(connection, seconds)
            connection.execute(
                text(
                    "UPDATE transactions SET next_check_at = next_check_at - :s,"
                    " checking_until = checking_until - :s"
                ),
                {"s": timedelta(seconds=seconds)},
            )

    def wait_until_nobody_asks(self) -> None:
        """Wait for the answers to all questions under way."""
        query = text("SELECT NOT EXISTS (SELECT FROM transactions WHERE checking_until > now())")

        def nobody_asks() -> bool:
            with self.database.connect() as connection:
                return bool(connection.scalar(query))

        wait_until(nobody_asks, seconds=30, describe="nobody asks the bank")

    def stop(self) -> None:
        """End everything that still runs, within bounds."""
        self.database.dispose()
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for name in list(self._running):
            self._end(name, signal.SIGTERM)

    def is_running(self, name: str) -> bool:
        """Return whether a process has not ended."""
        return self._running[name].poll() is None

    def log(self, name: str) -> str:
        """Return what a process has printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def run(self, *command: str) -> None:
        """Run a command of `flask` to its end; it must succeed."""
        self._flask(*command)

    def _flask(self, *command: str, typed: str = "", seconds: float = READY_SECONDS) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "flask", *command],
            cwd=PROJECT_ROOT,
            env=self._environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"flask {' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def _start(self, name: str, module: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=PROJECT_ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _end(self, name: str, wish: signal.Signals) -> int:
        process = self._running.pop(name)
        process.send_signal(wish)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait(STOP_SECONDS)

    def _answers(self, url: str, name: str, headers: Mapping[str, str] | None = None) -> bool:
        ended = self._running[name].poll()
        assert ended is None, f"{name} ended with {ended}: {self.log(name)[-2000:]}"
        try:
            return requests.get(url, headers=headers, timeout=30).status_code == 200
        except requests.RequestException:
            return False


class Bank:
    """The sandbox's admin endpoints, and the calls that it saw over all its restarts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._kept: list[dict[str, Any]] = []
        self._passed: list[tuple[float, float]] = []
        """When the clocks of all were set forward, and by how many seconds."""

    def fail(self, mode: str, *, prefix: str = "") -> None:
        """Let questions about references with this prefix, or all calls, fail until `mend`."""
        struck = {"prefix": prefix, "calls": "transactions"} if prefix else {"calls": "all"}
        self._tell("failures", mode=mode, **struck)

    def mend(self) -> None:
        requests.delete(f"{self.url}/admin/failures", timeout=30).raise_for_status()

    def advance(self, seconds: float) -> None:
        """Let time pass at the bank only."""
        self._tell("clock", advance=seconds)

    def let_time_pass(self, seconds: float) -> None:
        """As `advance`, where the same time passes for the product: calls are that far apart."""
        self._passed.append((time.time(), seconds))
        self.advance(seconds)

    def calls(self, key: str | None = None) -> list[dict[str, Any]]:
        """Return the questions about payments that reached the bank, oldest first."""
        return [call for call in self._kept + self._seen() if key in (None, call["key"])]

    def keep_calls(self) -> None:
        """Keep the calls; to be called before the sandbox ends, and its log with it."""
        self._kept += self._seen()

    def worst_window(self) -> int:
        """Return the most questions about one payment within any 60 s."""
        arrivals: dict[str, list[float]] = {}
        for call in self.calls():
            passed = sum(seconds for moment, seconds in self._passed if moment <= call["arrived"])
            arrivals.setdefault(call["key"], []).append(call["arrived"] + passed)
        return max(
            sum(1 for later in moments if moment <= later < moment + 60)
            for moments in arrivals.values()
            for moment in moments
        )

    def _seen(self) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/admin/calls?kind=transactions", timeout=30)
        seen: list[dict[str, Any]] = answer.json()["calls"]
        return seen

    def _tell(self, desk: str, **order: Any) -> None:
        requests.post(f"{self.url}/admin/{desk}", json=order, timeout=30).raise_for_status()
