"""What `make run` does: database, migrations, demo data, then web, worker and bank sandbox."""

import contextlib
import errno
import fcntl
import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from dotenv import dotenv_values
from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Printer
from honcho.process import Process

from webapp.development.demo import DEMO_PEOPLE
from webapp.development.postgres import EmbeddedPostgres, EmbeddedPostgresError
from webapp.kernel import lifeline

CHECKOUT = Path(__file__).resolve().parents[2]
SANDBOX_PORT = 8765
MAX_PORT = 65535
READY_SECONDS = 60.0
# A launcher that was killed with -9 leaves children that need a moment to notice.
LEFTOVER_SECONDS = 15.0


class LauncherError(Exception):
    """The product cannot be started; the message is one sentence for the person at the terminal."""


def main() -> int:
    """Run until stopped; returns the exit code: 0 when asked to stop, else 1."""
    for wish in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(wish, _stop_at_once)
    try:
        return run(CHECKOUT, {**read_dotenv(CHECKOUT / ".env"), **os.environ})
    except (LauncherError, EmbeddedPostgresError) as error:
        print(error, file=sys.stderr)
        return 1


def run(checkout: Path, environ: Mapping[str, str]) -> int:
    """Start what the settings in `environ` do not name elsewhere, and stop all of it at the end.

    Returns the exit code. Raises LauncherError, EmbeddedPostgresError.
    """
    if environ.get("ENVIRONMENT", "").strip().lower() == "production":
        raise LauncherError(
            "make run is for development: unset ENVIRONMENT=production, or see deploy/README.md."
        )
    os.chdir(checkout)
    data_dir = checkout / (environ.get("DATA_DIR") or ".data")
    host, port = environ.get("HOST") or "127.0.0.1", read_port(environ.get("PORT") or "8000")
    with only_one_launcher(data_dir), contextlib.ExitStack() as afterwards:
        check_free(host, port)
        sandbox_port = sandbox_port_for(environ)
        server = None
        database_url = environ.get("DATABASE_URL")
        if not database_url:
            server = EmbeddedPostgres(data_dir / "postgres")
            afterwards.callback(server.release)
            database_url = server.acquire()
        environ = environment_of_children(environ, port, sandbox_port, database_url)
        _prepare(environ)
        processes = Processes(
            address=f"http://127.0.0.1:{port}", sandbox_port=sandbox_port, database=server
        )
        for name, command in parse_procfile(Path("Procfile").read_text()).processes.items():
            processes.add_process(name, command, env=environ, cwd=str(checkout))
        return processes.run()


class Processes(Manager):  # type: ignore[misc]
    """Honcho's manager; once asked to stop, it ends all processes within seconds."""

    def __init__(
        self, *, address: str, sandbox_port: int, database: EmbeddedPostgres | None
    ) -> None:
        super().__init__(_Printer(self._output_is_gone))
        self._process_ctor = _Child
        self.address = address
        self.sandbox_port = sandbox_port
        self.database = database
        self._asked_to_stop = False
        self._stop_wanted = False
        self._over = threading.Event()
        self._helpers: list[threading.Thread] = []

    def run(self) -> int:
        """Run all processes until one ends or we are asked to stop; returns the exit code."""
        try:
            self.loop()
        finally:
            self._over.set()
            with contextlib.suppress(KeyError, OSError):
                self.kill()  # Only where the loop failed: otherwise none is left.
            for thread in self._helpers:  # None may start the database again after its release.
                thread.join(timeout=10)
        if self._asked_to_stop:
            say("Stopped.")
            return 0
        print(
            "A process ended by itself, so everything was stopped: its last lines are above.",
            file=sys.stderr,
        )
        return 1

    def _start(self) -> None:
        for wish in (
            signal.SIGINT,
            signal.SIGTERM,
            signal.SIGHUP,
        ):  # Instead of honcho's own handlers.
            signal.signal(wish, self._ask_to_stop)
        super()._start()
        # Only now: a process with threads should not fork.
        if "MAKELEVEL" in os.environ:
            lifeline.follow(os.getppid())
        for work in (self._tell_when_ready, self._keep_database, self._notice_hangup):
            helper = threading.Thread(target=work, daemon=True)
            self._helpers.append(helper)
            helper.start()

    def _ask_to_stop(self, _signum: int, _frame: FrameType | None) -> None:
        self._asked_to_stop = True
        self.terminate()

    def _output_is_gone(self) -> None:
        self._asked_to_stop = self._stop_wanted = True

    def terminate(self) -> None:
        """Ask all processes to end, once all of them can be asked."""
        # Honcho cannot signal a process before it has reported its start, and would wait for ever
        # for processes that all ignore SIGTERM.
        self._stop_wanted = True
        if self._all_started():
            super().terminate()

    def _any_stopped(self) -> bool:
        return self._stop_wanted or super()._any_stopped()

    def _tell_when_ready(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        until, answer = time.monotonic() + READY_SECONDS, "no answer"
        while not self._over.wait(0.1):
            try:
                with opener.open(f"{self.address}/health/ready", timeout=5):
                    say(banner(self.address, self.sandbox_port, self.database))
                    return
            except urllib.error.HTTPError as error:
                answer = error.read(500).decode(errors="replace").strip()
            except (OSError, ValueError) as error:
                answer = str(error)
            if time.monotonic() > until:
                print(f"Still not ready after {READY_SECONDS:.0f} s: {answer}", file=sys.stderr)
                return

    def _notice_hangup(self) -> None:
        # Make passes the signal on only when it is SIGTERM, and waits for us.
        output = select.poll()
        output.register(1, 0)
        while not self._over.wait(0.5):
            if any(event & (select.POLLHUP | select.POLLERR) for _, event in output.poll(0)):
                _mute()
                self._output_is_gone()
                return

    def _keep_database(self) -> None:
        while self.database is not None and not self._over.wait(0.5):
            if not self.database.is_running():
                print("PostgreSQL has ended; starting it again.", file=sys.stderr)
                try:
                    self.database.acquire()
                except EmbeddedPostgresError as error:
                    print(error, file=sys.stderr)


class _Child(Process):  # type: ignore[misc]
    """Honcho's process around one program: it passes the output on, and ends with the launcher."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        launcher = multiprocessing.parent_process()
        if launcher is not None and launcher.pid is not None:
            lifeline.follow(launcher.pid)
        super().run(events, ignore_signals)


class _Printer(Printer):  # type: ignore[misc]
    """Writes to standard output until that is gone, as with a closed terminal or pipe."""

    def __init__(self, when_gone: Callable[[], None]) -> None:
        super().__init__(sys.stdout)
        self._when_gone = when_gone

    def write(self, message: Any) -> None:
        try:
            super().write(message)
        except OSError:
            _mute()
            self._when_gone()


def say(text: str) -> None:
    """Print a line; where the terminal is gone, print nothing from then on."""
    try:
        print(text, flush=True)
    except OSError:
        _mute()


def _mute() -> None:
    # What is still written, at Python's own end too, must not fail again.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def banner(address: str, sandbox_port: int, database: EmbeddedPostgres | None) -> str:
    """Return what a person needs to begin: addresses and the demo people's sign-ins."""
    width = max(len(email) for email, *_ in DEMO_PEOPLE)
    lines = [
        "",
        f"  Área Médica Pagos   {address}",
        "",
        "  Sign in as:",
        *(
            f"    {email:<{width}}  {password}  ({role}, {name})"
            for email, name, role, password in DEMO_PEOPLE
        ),
        "",
        f"  Bank sandbox        http://127.0.0.1:{sandbox_port}",
        f"  Database            {database.home if database else 'DATABASE_URL'}",
        "",
        "  Ctrl-C stops everything.",
        "",
    ]
    return "\n".join(lines)


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the variables of a .env file that have a value."""
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def read_port(text: str) -> int:
    """Return a port from its text. Raises LauncherError."""
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= number <= 65535:
        raise LauncherError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return number


def check_free(host: str, port: int) -> None:
    """Refuse a port that is taken or cannot be used. Raises LauncherError."""
    try:
        bind_port(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise LauncherError(
                f"Port {port} is in use: stop what uses it or say make run PORT=8001."
            ) from error
        raise LauncherError(
            f"Port {port} of {host} cannot be used ({error.strerror}): choose another PORT."
        ) from error


def sandbox_port_for(environ: Mapping[str, str]) -> int:
    """Return the port of SANDBOX_PORT, else the usual one, else any other that is free."""
    given = environ.get("SANDBOX_PORT", "").strip()
    wanted = int(given) if given.isascii() and given.isdigit() else SANDBOX_PORT
    try:
        return bind_port("127.0.0.1", wanted if wanted <= MAX_PORT else SANDBOX_PORT)
    except OSError:
        return bind_port("127.0.0.1", 0)


def bind_port(host: str, port: int) -> int:
    """Return the port, which is free; 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        number: int = probe.getsockname()[1]
        return number


@contextlib.contextmanager
def only_one_launcher(folder: Path) -> Iterator[None]:
    """Hold the lock of this data folder: a second launcher on it would do everything twice.

    Raises LauncherError where another one runs.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise LauncherError(f"{error.filename} cannot be written ({error.strerror}).") from error
    try:
        until = time.monotonic() + LEFTOVER_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
                if lifeline.is_alive(holder) or time.monotonic() > until:
                    raise LauncherError(
                        f"make run already runs in this folder (process {holder or 'unknown'})."
                    ) from None
                time.sleep(0.2)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        # Closed, not unlocked: the children inherited the lock, and it is free when they are gone.
        os.close(lock)


def environment_of_children(
    environ: Mapping[str, str], port: int, sandbox_port: int, database_url: str
) -> dict[str, str]:
    """Return the environment of web, worker and sandbox: settings that are given win over the defaults."""
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    dialect = "/confirmation" if environ.get("BANESCO_API") == "confirmation" else ""
    defaults = {
        "BANESCO_QA_API_URL": f"{sandbox}/v1{dialect}",
        "BANESCO_QA_AUTH_URL": f"{sandbox}/oauth/token",
        "BANESCO_QA_CLIENT_ID": "sandbox-client",
        "BANESCO_QA_CLIENT_SECRET": "sandbox-secret",
    }
    given = {name: value for name, value in environ.items() if value}
    return {
        **defaults,
        **given,
        "DATABASE_URL": database_url,
        "FLASK_APP": "wsgi",
        "PATH": os.pathsep.join(
            (str(Path(sys.executable).parent), environ.get("PATH", os.defpath))
        ),
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        "SANDBOX_PORT": str(sandbox_port),
        lifeline.VARIABLE: str(os.getpid()),
    }


def _prepare(environ: Mapping[str, str]) -> None:
    """Run migrations and demo data; what they print is shown only where they fail. Raises LauncherError."""
    done = subprocess.run(
        [sys.executable, "-m", "webapp.development.prepare"],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise LauncherError("The database could not be prepared; the lines above say why.")


def _stop_at_once(_signum: int, _frame: Any) -> NoReturn:
    # While the start is under way: the context managers undo on the way out what was done.
    sys.exit(0)
