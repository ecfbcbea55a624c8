"""A cluster: the files of one server. It is created, started, verified and given its database here."""

import contextlib
import os
import re
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2

from webapp.development.postgres.access import write_access_rules
from webapp.development.postgres.programs import major, usable_programs
from webapp.development.postgres.running import (
    PORT,
    EmbeddedPostgresError,
    RunningServer,
    start_watcher,
)
from webapp.development.postgres.server_user import (
    ServerUser,
    digest,
    ensure_folder,
    home_of,
    last_line,
)

DATABASE = "areamedica"
SUPERUSER = "areamedica"
START_SECONDS = 60.0
LOG_BYTES = 10_000_000

# A Unix socket's path may have about 100 characters, and a checkout's path may have more.
SOCKETS = Path("/tmp")  # noqa: S108 - the folder made in it is private and its owner is checked

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
# For tests: a crash of the machine may lose the data, a crash of the server may not.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}

# What a server leaves behind for a moment after kill -9: its children still hold the shared memory.
TRANSIENT = re.compile(
    r"pre-existing shared memory block|lock file .* already exists|is still in use"
)


@dataclass(frozen=True)
class Cluster:
    """The cluster of a data folder, and whom it belongs to."""

    home: Path
    server: RunningServer
    user: ServerUser

    @classmethod
    def locate(cls, data_dir: Path) -> "Cluster":
        """Return the cluster of this data folder, which need not exist yet."""
        home = home_of(data_dir)
        user = ServerUser.of(home / "cluster")
        sockets = SOCKETS / f"areamedica-{user.uid}-{digest(data_dir)}"
        return cls(home, RunningServer(home / "cluster", sockets), user)

    @property
    def path(self) -> Path:
        """The folder of PostgreSQL's own files."""
        return self.server.path

    @property
    def url(self) -> str:
        """The address of the database `areamedica`."""
        host = quote(str(self.server.sockets), safe="")
        return f"postgresql+psycopg2://{SUPERUSER}@/{DATABASE}?host={host}&port={PORT}"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.path / "server.log"

    def ensure_running(self, data_dir: Path, *, durable: bool) -> None:
        """Create, start and verify the server. The caller holds the start lock.

        Raises EmbeddedPostgresError.
        """
        until = time.monotonic() + START_SECONDS
        started = False
        while (problem := self._problem()) is not None:
            if time.monotonic() > until:
                raise EmbeddedPostgresError(f"PostgreSQL in {self.path} does not answer: {problem}")
            if self.server.postmaster() is None:
                problem = self._start(durable=durable)
                if problem is not None and not TRANSIENT.search(problem):
                    raise EmbeddedPostgresError(f"PostgreSQL did not start: {problem}")
                started = True
            elif not self.server.socket.exists():
                self.server.stop()  # Something removed the socket: nobody can reach this server.
            if problem is not None:
                time.sleep(0.1)
        self._ensure_database()
        if started:
            start_watcher(data_dir, self.server)

    def _connect(self, database: str) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host=str(self.server.sockets),
            port=PORT,
            user=SUPERUSER,
            dbname=database,
            connect_timeout=5,
        )

    def _problem(self) -> str | None:
        """Return why the server cannot be used now; None when it answers and serves this very folder."""
        if self.server.postmaster() is None:
            return "it is not running"
        try:
            with (
                contextlib.closing(self._connect("postgres")) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SHOW data_directory")
                (served,) = cursor.fetchone() or ("",)
        except psycopg2.Error as error:
            return str(error).strip()
        return None if served == str(self.path) else f"another server, of {served}, answers"

    def _start(self, *, durable: bool) -> str | None:
        """Try once; returns the server's own words when it did not start."""
        programs = usable_programs(self.user)
        if not self.path.exists():
            self._create(programs, durable=durable)
        self._check_version(programs)
        ensure_folder(self.server.sockets, self.user, 0o700)
        self._remove_leftovers()
        before = self.log.stat().st_size if self.log.exists() else 0
        done = self.user.run(
            programs / "pg_ctl", "start", "-w", "-s", "-t", str(int(START_SECONDS)),
            "-D", self.path, "-l", self.log, "-o", self._options(durable=durable),
        )  # fmt: skip
        if done.returncode == 0:
            return None
        return self._last_fatal_line(before) or last_line(done.stderr or done.stdout)

    def _remove_leftovers(self) -> None:
        # Under the start lock and with no server running these are leftovers. PostgreSQL itself would
        # trust a lock file whose number belongs to a zombie or to another program now.
        leftovers = (self.path / "postmaster.pid", self.server.socket_lock, self.server.socket)
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.unlink()

    def _options(self, *, durable: bool) -> str:
        """Return the server's settings as pg_ctl passes them on; writes the rules that they name."""
        access = write_access_rules(self.home, superuser=SUPERUSER, server_user=self.user)
        sockets = {"unix_socket_directories": str(self.server.sockets)}
        settings = {**SETTINGS, **access, **sockets}
        if not durable:
            settings |= NOT_DURABLE
        return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())

    def _last_fatal_line(self, before: int) -> str | None:
        """Return what the server said last when it ended, after so many bytes of its log."""
        with contextlib.suppress(OSError):
            lines = self.log.read_bytes()[before:].decode(errors="replace").splitlines()
            fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
            if fatal:
                return fatal[-1]
        return None

    def _create(self, programs: Path, *, durable: bool) -> None:
        """Make the cluster beside its place and rename it: no half-made one is ever found there."""
        for abandoned in self.path.parent.glob("cluster.new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        fresh = self.path.with_name(f"cluster.new-{os.getpid()}")
        ensure_folder(fresh, self.user, 0o700)
        done = self.user.run(
            programs / "initdb", "--pgdata", fresh, "--username", SUPERUSER, "--auth", "peer",
            "--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
            "--locale", "C.UTF-8" if sys.platform == "linux" else "C",
            "--text-search-config", "simple", *([] if durable else ["--no-sync"]),
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise EmbeddedPostgresError(
                f"PostgreSQL could not create its data in {self.path}: {last_line(done.stderr)}"
            )
        fresh.rename(self.path)

    def _check_version(self, programs: Path) -> None:
        version_file = self.path / "PG_VERSION"
        try:
            stored = version_file.read_text().strip()
        except FileNotFoundError:
            stored = "no known version"
        except PermissionError as error:
            raise EmbeddedPostgresError(
                f"The data in {self.path} belongs to another user: remove it or run as that user."
            ) from error
        wanted = major(programs)
        if stored != str(wanted):
            raise EmbeddedPostgresError(
                f"The data in {self.path} is of PostgreSQL {stored}, the programs are {wanted}: "
                "move that folder away, or set PG_BINDIR to fitting programs."
            )

    def _ensure_database(self) -> None:
        with contextlib.closing(self._connect("postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE DATABASE "{DATABASE}"')
