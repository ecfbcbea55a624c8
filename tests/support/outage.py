"""A database that can be cut off or frozen: a small relay between the application and the server."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress

from sqlalchemy.engine import URL, make_url


def closed_port() -> int:
    """Return a loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Relay:
    """Passes connections on to the server of a database address until it is cut."""

    def __init__(self, database_url: str) -> None:
        self._target = make_url(database_url)
        self.port = closed_port()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._flows = threading.Event()
        self._flows.set()
        self._last_words: list[bytes] = []
        self.refuses = False
        """Whether new connections are closed at once; those that stand go on."""

    @property
    def url(self) -> str:
        """The address of the same database through the relay."""
        query = {
            name: value
            for name, value in self._target.query.items()
            if name not in ("host", "port")
        }
        through: URL = self._target.set(host="127.0.0.1", port=self.port, query=query)
        return through.render_as_string(hide_password=False)

    def mend(self) -> None:
        """Let connections through."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def freeze(self) -> None:
        """Take what comes and pass nothing on, as a server does whose processes are stopped."""
        self._flows.clear()

    def freeze_after(self, *words: bytes) -> None:
        """Freeze once statements with these words came, one after the other: the last one has no answer."""
        self._last_words = list(words)

    def thaw(self) -> None:
        """Pass on what was held back, and everything from now on."""
        self._last_words = []
        self._flows.set()

    def cut(self) -> None:
        """Close everything and let nothing through."""
        self.thaw()
        if self._listener:
            # Closing alone does not wake the thread that accepts.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _count_down(self, statement: bytes) -> None:
        if self._last_words and self._last_words[0] in statement:
            del self._last_words[0]
            if not self._last_words:
                self.freeze()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            if self.refuses:
                near.close()
                continue
            threading.Thread(target=self._pass, args=(near, self._connect()), daemon=True).start()

    def _connect(self) -> socket.socket:
        port = int(str(self._target.query.get("port") or self._target.port or 5432))
        folder = self._target.query.get("host") or self._target.host or "127.0.0.1"
        if str(folder).startswith("/"):
            far = socket.socket(socket.AF_UNIX)
            far.connect(f"{folder}/.s.PGSQL.{port}")
            return far
        return socket.create_connection((str(folder), port))

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        self._open |= {near, far}
        with near, far, suppress(OSError):
            while True:
                ready, _, _ = select.select([near, far], [], [])
                for source in ready:
                    data = source.recv(65536)
                    if not data:
                        return
                    self._flows.wait()
                    (far if source is near else near).sendall(data)
                    if source is near:
                        self._count_down(data)
        self._open -= {near, far}
