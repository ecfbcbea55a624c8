"""One signed POST to an address that was just checked: bounded in time, no redirects, TLS verified."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import certifi

from webapp.kernel.config import Settings
from webapp.kernel.deadline import cut_off
from webapp.kernel.retry_after import parse_retry_after
from webapp.webhooks import signing
from webapp.webhooks.addresses import Addresses, Problem, Refused, Target
from webapp.webhooks.events import Failure

SECONDS = 15.0
MOST_ADDRESSES = 3
GONE = 410
ASKS_TO_WAIT = (429, 503)


@dataclass(frozen=True)
class Message:
    """What is sent, where to, and signed with which secrets."""

    id: str
    url: str
    body: bytes
    signing_secrets: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """How one attempt ended; `failure` is None where it was delivered."""

    failure: Failure | None
    http_status: int | None = None
    retry_after: float | None = None
    """Seconds that the receiver asked to be left alone for."""
    latency_ms: int = 0

    @property
    def gone(self) -> bool:
        return self.http_status == GONE


class _Failed(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


@dataclass(frozen=True)
class Sender:
    """Sends messages; safe to share between threads. Proxies of the environment are not used."""

    addresses: Addresses
    seconds: float = SECONDS
    """The most that one attempt may take, from connecting to the answer's last header."""
    ca_bundle: str = field(default_factory=certifi.where)
    """Whom to believe about receivers' names; the public authorities unless a test brings its own."""

    def send(self, message: Message) -> Result:
        """Make one attempt; whatever happens is a result."""
        begun = time.monotonic()
        try:
            status, retry_after = self._attempt(message)
        except _Failed as failed:
            return Result(failed.failure, latency_ms=_milliseconds(begun))
        return Result(
            _judge(status),
            http_status=status,
            retry_after=parse_retry_after(retry_after) if status in ASKS_TO_WAIT else None,
            latency_ms=_milliseconds(begun),
        )

    def _attempt(self, message: Message) -> tuple[int, str | None]:
        try:
            target = self.addresses.locate(message.url)
        except Refused as refused:
            unresolved = refused.problem is Problem.UNRESOLVED
            raise _Failed(Failure.NAME if unresolved else Failure.ADDRESS) from None
        deadline = time.monotonic() + self.seconds
        try:
            with _connected(target, deadline) as line, cut_off(line, deadline):
                answer = self._post(target, line, message)
        except TimeoutError:
            raise _Failed(Failure.TIMEOUT) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _Failed(_kind(error, deadline)) from None
        if time.monotonic() >= deadline:  # cut off, headers look as if they had simply ended
            raise _Failed(Failure.TIMEOUT)
        return answer

    def _post(
        self, target: Target, line: socket.socket, message: Message
    ) -> tuple[int, str | None]:
        headers = {
            # The name stands here and in the certificate's check; the line leads to what was checked.
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": "areamedica-pagos",
            "Connection": "close",
            **signing.headers(
                message_id=message.id,
                timestamp=int(time.time()),
                body=message.body,
                signing_secrets=message.signing_secrets,
            ),
        }
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.auto_open = 0
        connection.sock = self._secured(line, target) if target.tls else line
        try:
            connection.request("POST", target.path, body=message.body, headers=headers)
            with connection.getresponse() as answer:  # its body is nobody's business
                return answer.status, answer.headers.get("Retry-After")
        finally:
            connection.close()

    def _secured(self, line: socket.socket, target: Target) -> socket.socket:
        return self._tls.wrap_socket(line, server_hostname=target.host)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_bundle)


def connect(settings: Settings) -> Sender:
    """The sender that the settings describe."""
    return Sender(
        Addresses(
            allow_private=settings.webhooks_allow_private, ports=settings.webhooks_allowed_ports
        )
    )


@contextmanager
def _connected(target: Target, deadline: float) -> Iterator[socket.socket]:
    """A line to the first of the checked addresses that answers. Raises OSError."""
    line = _first_that_answers(target.addresses[:MOST_ADDRESSES], target.port, deadline)
    with line:
        line.settimeout(max(deadline - time.monotonic(), 0.01))
        yield line


def _first_that_answers(addresses: Sequence[str], port: int, deadline: float) -> socket.socket:
    trouble: OSError = OSError("no address")
    for address in addresses:
        try:
            left = max(deadline - time.monotonic(), 0.01)
            return socket.create_connection((address, port), timeout=left)
        except OSError as error:
            trouble = error
    raise trouble


def _judge(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    return Failure.REDIRECT if 300 <= status < 400 else Failure.STATUS


def _kind(error: Exception, deadline: float) -> Failure:
    if time.monotonic() >= deadline:
        return Failure.TIMEOUT
    if isinstance(error, ssl.SSLError):
        return Failure.TLS
    if isinstance(error, OSError):
        return Failure.CONNECTION
    return Failure.PROTOCOL


def _milliseconds(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
