"""The HTTP server of the sandbox: one thread for every request, so that one that hangs holds up no other."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from webapp.banking.sandbox.app import create_sandbox
from webapp.banking.sandbox.bank import Bank
from webapp.banking.sandbox.calls import Call
from webapp.banking.sandbox.clock import BankClock
from webapp.banking.sandbox.settings import DEFAULT_HOST, SandboxSettings
from webapp.banking.sandbox.wire import ResetConnection

BACKLOG = 512
POLL_SECONDS = 0.1
STOP_SECONDS = 5


class Handler(WSGIRequestHandler):
    """A handler that logs nothing, and that ends connections in the ways that a bank does."""

    # Seconds after which an idle connection is closed.
    timeout = 120

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing: /admin/calls is the log."""

    def connection_dropped(
        self, error: BaseException, _environ: dict[str, object] | None = None
    ) -> None:
        """Close the connection, with a reset where that is the failure."""
        # Otherwise the handler would wait for a next request, and the client for an answer.
        self.close_connection = True
        if isinstance(error, ResetConnection):
            linger_not_at_all = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)
            # Closed at once: the orderly shutdown that follows would send FIN before RST.
            socket.close(self.connection.detach())


class SandboxServer:
    """A bank that can be run by tests and by the command.

        with SandboxServer(settings=SandboxSettings(hang_seconds=1)) as sandbox:
            requests.post(sandbox.auth_url, ...)
            assert len(sandbox.calls()) == 1

    Port 0 takes a free one; the addresses are known once the object exists. `bank` is the
    state behind it: `bank.clock.advance(61)`, `bank.failures.add(Failure(Mode.HANG))`,
    `bank.recover()`, `bank.movements.add(Movement(...))`, `bank.reset()`.
    Raises OSError when it cannot listen.
    """

    def __init__(
        self,
        *,
        host: str = DEFAULT_HOST,
        port: int = 0,
        settings: SandboxSettings | None = None,
        clock: BankClock | None = None,
    ) -> None:
        self.bank = Bank(settings, clock)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Bound here, because werkzeug ends the process when a port is taken.
        with socket.create_server((host, port), family=family, backlog=BACKLOG) as listener:
            self._server = ThreadedWSGIServer(
                host,
                port,
                create_sandbox(self.bank, listens_on=host),
                handler=Handler,
                fd=listener.fileno(),
            )
        self._thread: threading.Thread | None = None
        self.host = host
        self.port: int = self._server.server_address[1]

    @property
    def base_url(self) -> str:
        """The address of the page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def auth_url(self) -> str:
        """The token endpoint of QA."""
        return f"{self.base_url}/oauth/token"

    @property
    def api_url(self) -> str:
        """The API URL of the dialect `status`, in QA."""
        return f"{self.base_url}/v1"

    @property
    def confirmation_url(self) -> str:
        """The whole search URL of the dialect `confirmation`, in QA."""
        return f"{self.base_url}/v1/confirmation"

    @property
    def production_auth_url(self) -> str:
        """The token endpoint of "production"."""
        return f"{self.base_url}/prod/oauth/token"

    @property
    def production_api_url(self) -> str:
        """The API URL of the dialect `status`, in "production"."""
        return f"{self.base_url}/prod"

    @property
    def production_confirmation_url(self) -> str:
        """The whole search URL of the dialect `confirmation`, in "production"."""
        return f"{self.base_url}/prod/confirmation"

    def calls(self, kind: str | None = None, key: str | None = None) -> list[Call]:
        """Return the calls that came, oldest first; kinds are token, transactions, confirmation, other."""
        return self.bank.calls.select(kind=kind, key=key)

    def __enter__(self) -> SandboxServer:
        self._thread = threading.Thread(target=self._serve, name="bank-sandbox", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening and end every hanging call."""
        self.bank.pauses.close()
        self._server.shutdown()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def serve_until_signalled(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve in the main thread until SIGTERM or SIGINT; `ready` is called once it listens."""

        def stop(_signum: int, _frame: FrameType | None) -> None:
            # In another thread: shutdown() waits for the loop that this handler interrupts.
            threading.Thread(target=self.stop, daemon=True).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        ready()
        self._serve()

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=POLL_SECONDS)
