"""Notice that the database server is frozen, and end what waits for it.

psycopg2 waits without a limit for an answer. A server whose processes are stopped (a paused virtual machine, a disk
that hangs, SIGSTOP) sends none, while its kernel goes on acknowledging bytes: neither the timers of TCP nor the
server's own statement_timeout end such a wait.

So each process watches its connections. Where one waits for longer than a moment, a new connection is tried. Any
answer to that, a refusal too, means that the statement is only slow: it goes on. No answer means that the server is
frozen: every connection is shut, and new ones are refused at once until the server answers again.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, TypeVar
from weakref import WeakSet, finalize

import psycopg2
import structlog
from psycopg2 import extensions

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 3
"""How long one address of the server may take to let a new connection in."""
SUSPICIOUS_SECONDS = 1.0
"""After so long without an answer the server is asked whether it is still there."""
TICK_SECONDS = 0.25
ANSWER_TICKS = 12
"""How many fruitless ticks the server has to answer: 3 s in which this process itself was running."""

R = TypeVar("R")


class CommitCut(psycopg2.OperationalError):
    """The connection broke during COMMIT: what was to be saved may be saved or not."""


class ServerWatch:
    """Watches one database server on behalf of this process; threads share it."""

    def __init__(self) -> None:
        self.waiting: dict[WatchedConnection, float] = {}
        """Since when a connection has been waiting for the server, as `time.monotonic` counts."""
        self._frozen = False
        self._dsn = ""
        self._answered_at = 0.0
        self._connections: WeakSet[WatchedConnection] = WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def connect(self, dsn: str) -> WatchedConnection:
        """Open a connection; this is psycopg2's `connection_factory`.

        Raises psycopg2.OperationalError, at once while the server is known to be frozen.
        """
        self._dsn = dsn
        if self._frozen:
            raise psycopg2.OperationalError("the server does not answer")
        begun = time.monotonic()
        try:
            connection = WatchedConnection(dsn, self)
        except psycopg2.OperationalError:
            if time.monotonic() - begun > CONNECT_SECONDS - 1:  # libpq may round down
                self._set_frozen(True)
                self._start()
            raise
        with self._lock:
            self._connections.add(connection)
        self._start()
        return connection

    def forget(self, connection: WatchedConnection) -> None:
        """Stop watching a connection that is closed."""
        with self._lock:
            self._connections.discard(connection)
            connection.release_line()

    def _start(self) -> None:
        with self._lock:
            # A thread does not survive a fork of its process.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="database-watch", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while self._is_needed():
            time.sleep(TICK_SECONDS)
            if self._frozen or self._is_suspicious():
                self._look()

    def _is_needed(self) -> bool:
        with self._lock:
            if self._frozen or self._connections:
                return True
            self._thread = None
            return False

    def _is_suspicious(self) -> bool:
        begun = min(self.waiting.copy().values(), default=None)
        if begun is None:
            return False
        return time.monotonic() - max(begun, self._answered_at) > SUSPICIOUS_SECONDS

    def _look(self) -> None:
        if self._server_answers():
            self._answered_at = time.monotonic()
            self._set_frozen(False)
            return
        self._set_frozen(True)
        with self._lock:
            for connection in self._connections:
                connection.shut_line()

    def _server_answers(self) -> bool:
        """Return whether the server answers a new connection in time; a refusal is an answer."""
        ticks = ANSWER_TICKS
        with (
            suppress(psycopg2.Error),
            closing(psycopg2.connect(self._dsn, async_=True)) as probe,
        ):
            while (state := probe.poll()) != extensions.POLL_OK:
                if not _is_ready(probe.fileno(), state):
                    ticks -= 1
                if not ticks:
                    return False
        return True

    def _set_frozen(self, frozen: bool) -> None:
        if frozen and not self._frozen:
            log.error("database_frozen")
        elif self._frozen and not frozen:
            log.info("database_answers_again")
        self._frozen = frozen


class WatchedCursor(extensions.cursor):
    """A cursor whose statements are watched; named cursors, which fetch over the network, are not used."""

    connection: WatchedConnection

    def execute(self, query: Any, vars: Any = None) -> None:
        """Run one statement."""
        connection = self.connection
        waiting = connection.watch.waiting
        waiting[connection] = time.monotonic()
        try:
            super().execute(query, vars)
        finally:
            del waiting[connection]

    def executemany(self, query: Any, vars_list: Any) -> None:
        """Run one statement for each of several rows of values."""
        self.connection.wait_for(super().executemany, query, vars_list)


class WatchedConnection(extensions.connection):
    """A connection that can be shut from another thread: whatever waits on it then fails."""

    def __init__(self, dsn: str, watch: ServerWatch) -> None:
        super().__init__(dsn)
        self.watch = watch
        # Of its own: libpq may close its descriptor at any moment, and another file get the number.
        self._line = socket.socket(fileno=os.dup(self.fileno()))
        finalize(self, self._line.close).atexit = False

    def commit(self) -> None:
        """Commit the open transaction. Raises CommitCut where the connection breaks."""
        try:
            self.wait_for(super().commit)
        except psycopg2.Error as error:
            if self.closed:
                raise CommitCut(str(error)) from error
            raise

    def rollback(self) -> None:
        """Undo the open transaction; where the connection breaks, the server does so by itself."""
        try:
            self.wait_for(super().rollback)
        except psycopg2.Error:
            if not self.closed:
                raise

    def close(self) -> None:
        """Close the connection; the server undoes an open transaction."""
        super().close()
        self.watch.forget(self)

    def wait_for(self, work: Callable[..., R], *arguments: Any) -> R:
        """Do what waits for the server's answer, watched."""
        waiting = self.watch.waiting
        waiting[self] = time.monotonic()
        try:
            return work(*arguments)
        finally:
            del waiting[self]

    def shut_line(self) -> None:
        """End what waits on this connection. Its next use fails as well."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def release_line(self) -> None:
        """Let go of the second descriptor."""
        self._line.close()


def _is_ready(descriptor: int, state: int) -> bool:
    """Wait for at most a tick until the connection that is being made can go on."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
    return bool(poll.poll(TICK_SECONDS * 1000))
