"""The embedded PostgreSQL as programs use it: acquired, and released."""

import atexit
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from webapp.development.postgres.cluster import Cluster
from webapp.development.postgres.running import (
    EmbeddedPostgresError,
    is_unused,
    make_locks,
    return_lease,
    start_lock,
    take_lease,
)
from webapp.development.postgres.server_user import choose_home


class EmbeddedPostgres:
    """One server per data folder, shared by any number of processes, started by the first."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """`durable=False` is for tests: faster, but a crash of the machine may lose the data."""
        self.data_dir = Path(data_dir).resolve()
        self.durable = durable
        self._lease: int | None = None
        self._holder = 0
        self._cluster: Cluster | None = None

    @property
    def home(self) -> Path:
        """Where the data is: `data_dir`, or elsewhere where root's server may not enter that."""
        return self._cluster.home if self._cluster else self.data_dir

    def acquire(self) -> str:
        """Start the server unless it runs, and return the URL of the database `areamedica`.

        Called again it starts a server that died meanwhile. The lease ends with `release`, at the
        interpreter's exit, or with the process. Raises `EmbeddedPostgresError`.
        """
        with _translated(self.data_dir):
            cluster = self._cluster
            if cluster is None or not self._holds_lease:
                return self._acquire_lease()
            if cluster.server.postmaster() is None:
                with start_lock(self.data_dir):
                    cluster.ensure_running(self.data_dir, durable=self.durable)
            return cluster.url

    def is_running(self) -> bool:
        """Return whether the server that we hold a lease on is alive."""
        return self._cluster is not None and self._cluster.server.postmaster() is not None

    def release(self) -> None:
        """Return the lease; the last one stops the server. Does nothing in a forked child."""
        if self._lease is None or self._cluster is None or not self._holds_lease:
            return
        lease, self._lease = self._lease, None
        atexit.unregister(self.release)
        return_lease(lease)
        # When the lock is not to be had, or the folder is gone, the watcher stops the server.
        with contextlib.suppress(EmbeddedPostgresError, OSError), start_lock(self.data_dir):
            if is_unused(self.data_dir):
                self._cluster.server.stop()

    def __enter__(self) -> str:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def _holds_lease(self) -> bool:
        return self._lease is not None and self._holder == os.getpid()

    def _acquire_lease(self) -> str:
        make_locks(self.data_dir)
        with start_lock(self.data_dir):
            lease = take_lease(self.data_dir)
            try:
                choose_home(self.data_dir)
                cluster = Cluster.locate(self.data_dir)
                cluster.ensure_running(self.data_dir, durable=self.durable)
            except BaseException:
                os.close(lease)
                raise
        self._lease, self._holder, self._cluster = lease, os.getpid(), cluster
        atexit.register(self.release)
        return cluster.url


@contextlib.contextmanager
def _translated(data_dir: Path) -> Iterator[None]:
    """Turn errors of the operating system and the driver into the one error of this package."""
    try:
        yield
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"{error.filename or data_dir} belongs to another user: remove it or run as that user."
        ) from error
    except (OSError, psycopg2.Error, subprocess.SubprocessError) as error:
        raise EmbeddedPostgresError(f"PostgreSQL in {data_dir} cannot be used: {error}") from error
