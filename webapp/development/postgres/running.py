"""A server that runs: the locks by which processes share it, its process, and the watcher that stops it.

This file imports nothing of ours: the watcher runs it alone, for the application would cost it 60 MB.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PORT = 5432  # Only a part of the socket's file name: the server listens on no network address.
START_LOCK = "start.lock"
LEASE_LOCK = "lease.lock"
STOP_SECONDS = 20.0
LOCK_SECONDS = 120.0


class EmbeddedPostgresError(Exception):
    """The server cannot be had; the message is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class RunningServer:
    """The process that serves a cluster, if there is one, and the socket it listens on."""

    path: Path
    """The folder of the cluster."""
    sockets: Path
    """The folder of the socket."""

    @property
    def socket(self) -> Path:
        """The socket that the server listens on."""
        return self.sockets / f".s.PGSQL.{PORT}"

    @property
    def socket_lock(self) -> Path:
        """The file beside the socket that names the server's process."""
        return self.sockets / f".s.PGSQL.{PORT}.lock"

    def postmaster(self) -> int | None:
        """Return the process id of this cluster's server: no zombie's, and no other program's with its number."""
        for file in (self.path / "postmaster.pid", self.socket_lock):
            with contextlib.suppress(OSError, ValueError):
                pid = int(file.read_text().split("\n", 1)[0])
                command = command_of(pid)
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
            self.socket.unlink(missing_ok=True)
            self.socket_lock.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.sockets.rmdir()


def make_locks(data_dir: Path) -> None:
    """Make the two lock files; nothing else does, so that a folder being removed stays removable."""
    data_dir.mkdir(parents=True, exist_ok=True)
    for name in (START_LOCK, LEASE_LOCK):
        os.close(os.open(data_dir / name, os.O_RDWR | os.O_CREAT, 0o644))


@contextlib.contextmanager
def start_lock(data_dir: Path) -> Iterator[None]:
    """Let only one process at a time start or stop the server. Raises EmbeddedPostgresError."""
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


def take_lease(data_dir: Path) -> int:
    """Take a lease; returns the open descriptor that holds it. The caller has the start lock."""
    lease = os.open(data_dir / LEASE_LOCK, os.O_RDWR)
    fcntl.flock(lease, fcntl.LOCK_SH)
    return lease


def return_lease(lease: int) -> None:
    """Return a lease."""
    # A child forked meanwhile shares this lock: unlocking frees it, closing alone would not.
    fcntl.flock(lease, fcntl.LOCK_UN)
    os.close(lease)


def is_unused(data_dir: Path) -> bool:
    """Return whether no lease is out; none can be taken while the caller has the start lock."""
    lease = os.open(data_dir / LEASE_LOCK, os.O_RDWR)
    try:
        for _ in range(5):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            time.sleep(0.02)  # The watcher holds it for an instant when the last lease is returned.
        return False
    finally:
        os.close(lease)


def start_watcher(data_dir: Path, server: RunningServer) -> None:
    """Start a process that runs `watch` and outlives this one."""
    watcher = [sys.executable, "-I", str(Path(__file__).resolve())]
    places = [str(data_dir), str(server.path), str(server.sockets)]
    subprocess.run(  # noqa: S603 - our own file; the shell leaves it to the system's init
        ["/bin/sh", "-c", '"$@" &', "sh", *watcher, *places],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )


def watch(data_dir: Path, server: RunningServer) -> None:
    """Wait until no lease is out, and stop the server: for users that were killed."""
    while True:
        lease = os.open(data_dir / LEASE_LOCK, os.O_RDWR)
        try:
            fcntl.flock(lease, fcntl.LOCK_EX)
        finally:
            os.close(lease)  # At once: a process that starts the server meanwhile must not wait.
        with start_lock(data_dir):
            if is_unused(data_dir):
                return server.stop()


def command_of(pid: int) -> list[str]:
    """Return the command line of a process; a zombie's is empty. Raises OSError when there is none."""
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


if __name__ == "__main__":
    with contextlib.suppress(FileNotFoundError):  # The folder was removed: nothing to watch.
        data_dir, path, sockets = map(Path, sys.argv[1:])
        watch(data_dir, RunningServer(path, sockets))
