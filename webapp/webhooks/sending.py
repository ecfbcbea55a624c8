"""Send one signed POST to an address that was just checked: bounded in time, without redirects, TLS verified."""

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
from webapp.webhooks.addresses import Addresses, AddressProblem, AddressRefused, Target
from webapp.webhooks.events import Failure

ATTEMPT_SECONDS = 15.0
MAX_ADDRESSES = 3
"""How many addresses of a name are tried."""
GONE = 410
RETRY_LATER = (429, 503)
"""Statuses whose Retry-After is respected."""


@dataclass(frozen=True)
class Message:
    """A message: its id, address and body, and the secrets that sign it."""

    id: str
    url: str
    body: bytes
    signing_secrets: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """How one attempt ended; `failure` is None where it succeeded."""

    failure: Failure | None
    http_status: int | None = None
    retry_after: float | None = None
    """How many seconds the receiver asked to wait."""
    latency_ms: int = 0

    @property
    def gone(self) -> bool:
        """Tell whether the receiver wants no more messages (410)."""
        return self.http_status == GONE


class _AttemptFailed(Exception):
    """The attempt ended without a response."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


@dataclass(frozen=True)
class Sender:
    """Sends messages; safe to share between threads. Proxies of the environment are not used."""

    addresses: Addresses
    seconds: float = ATTEMPT_SECONDS
    """How long one attempt may take, from connecting to the last header of the response."""
    ca_bundle: str = field(default_factory=certifi.where)
    """Certificate authorities that are trusted: the public ones, unless a test brings its own."""

    def send(self, message: Message) -> Result:
        """Make one attempt; every way in which it can end is a result."""
        begun = time.monotonic()
        try:
            status, retry_after = self._attempt(message)
        except _AttemptFailed as failed:
            return Result(failed.failure, latency_ms=_milliseconds_since(begun))
        return Result(
            _failure_of_status(status),
            http_status=status,
            retry_after=parse_retry_after(retry_after) if status in RETRY_LATER else None,
            latency_ms=_milliseconds_since(begun),
        )

    def _attempt(self, message: Message) -> tuple[int, str | None]:
        try:
            target = self.addresses.locate(message.url)
        except AddressRefused as refused:
            unresolved = refused.problem is AddressProblem.UNRESOLVED
            raise _AttemptFailed(Failure.NAME if unresolved else Failure.ADDRESS) from None
        deadline = time.monotonic() + self.seconds
        try:
            with _connection(target, deadline) as line, cut_off(line, deadline):
                response = self._post(target, line, message)
        except TimeoutError:
            raise _AttemptFailed(Failure.TIMEOUT) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _AttemptFailed(_failure_of_error(error, deadline)) from None
        if time.monotonic() >= deadline:  # headers that were cut off look complete
            raise _AttemptFailed(Failure.TIMEOUT)
        return response

    def _post(
        self, target: Target, line: socket.socket, message: Message
    ) -> tuple[int, str | None]:
        headers = {
            # The name is sent here and verified in the certificate; the connection leads to the checked address.
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
            with connection.getresponse() as response:  # the body is not read
                return response.status, response.headers.get("Retry-After")
        finally:
            connection.close()

    def _secured(self, line: socket.socket, target: Target) -> socket.socket:
        return self._tls.wrap_socket(line, server_hostname=target.host)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_bundle)


def connect(settings: Settings) -> Sender:
    """Return the sender that the settings describe."""
    return Sender(
        Addresses(
            allow_private=settings.webhooks_allow_private, ports=settings.webhooks_allowed_ports
        )
    )


@contextmanager
def _connection(target: Target, deadline: float) -> Iterator[socket.socket]:
    """Open a connection to the first of the checked addresses that accepts it. Raises OSError."""
    line = _connect_to_first(target.addresses[:MAX_ADDRESSES], target.port, deadline)
    with line:
        line.settimeout(max(deadline - time.monotonic(), 0.01))
        yield line


def _connect_to_first(addresses: Sequence[str], port: int, deadline: float) -> socket.socket:
    trouble: OSError = OSError("no address")
    for address in addresses:
        try:
            left = max(deadline - time.monotonic(), 0.01)
            return socket.create_connection((address, port), timeout=left)
        except OSError as error:
            trouble = error
    raise trouble


def _failure_of_status(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    return Failure.REDIRECT if 300 <= status < 400 else Failure.STATUS


def _failure_of_error(error: Exception, deadline: float) -> Failure:
    if time.monotonic() >= deadline:
        return Failure.TIMEOUT
    if isinstance(error, ssl.SSLError):
        return Failure.TLS
    if isinstance(error, OSError):
        return Failure.CONNECTION
    return Failure.PROTOCOL


def _milliseconds_since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
