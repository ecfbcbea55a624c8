"""Programs that receive webhooks: real HTTP servers on loopback, whose answers the test chooses."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """Answers what it was told, in order; the last answer stays. Keeps what it received."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[Received] = []
        self.at_once = 0
        """The most requests that were under way at the same time."""
        self.release = threading.Event()
        """Ends the waiting of those who were told to hang."""
        self.arrived = threading.Event()
        self._answers: deque[tuple[int | str, dict[str, str]]] = deque([(204, {})])
        self._lock = threading.Lock()
        self._under_way = 0

    def will_answer(self, *answers: int | str | tuple[int, dict[str, str]]) -> None:
        """Statuses, statuses with headers, or the words `hang`, `drip` and `noise`."""
        self._answers = deque(
            answer if isinstance(answer, tuple) else (answer, {}) for answer in answers
        )

    @property
    def ids(self) -> list[str]:
        return [request.id for request in self.received]

    def handle(self, request: Received, server: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.received.append(request)
            self._under_way += 1
            self.at_once = max(self.at_once, self._under_way)
            answer, headers = (
                self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
            )
        self.arrived.set()
        try:
            self._respond(answer, headers, server)
        finally:
            with self._lock:
                self._under_way -= 1

    def _respond(
        self, answer: int | str, headers: dict[str, str], server: BaseHTTPRequestHandler
    ) -> None:
        if answer == "hang":
            self.release.wait(30)
        elif answer == "drip":
            self._drip(server)
        elif answer == "noise":
            server.wfile.write(b"220 this is no web server\r\n")
        elif isinstance(answer, int):
            server.send_response(answer)
            for name, value in headers.items():
                server.send_header(name, value)
            server.send_header("Content-Length", "0")
            server.end_headers()

    def _drip(self, server: BaseHTTPRequestHandler) -> None:
        """A header that never ends, letter by letter."""
        server.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.release.is_set():
            server.wfile.write(b"z")
            server.wfile.flush()
            time.sleep(0.02)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Senders that hang up are what some tests are about."""


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that listens while it is open; with a context it speaks TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.handle(Received(self.path, headers, body), self)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests' output is for failures."""

    server = _Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    receiver = Receiver(f"{scheme}://hooks.clinic.test:{server.server_address[1]}/in")
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


class Names:
    """A resolver whose answers the test chooses, in order; the last stays. It counts the questions."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answers = deque(answers or [["127.0.0.1"]])

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
        if not answer:
            raise OSError("no such name")
        return answer
