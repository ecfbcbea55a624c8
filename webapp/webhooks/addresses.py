"""Where messages may be sent: public addresses at a few ports, and exactly those that were checked.

A name is resolved once for every attempt, and the sender connects to the addresses that were returned, so a name
that is pointed elsewhere between the check and the connection gains nothing.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

MAX_LENGTH = 2000
DEFAULT_PORTS = (443, 8443)
FIRST_UNPRIVILEGED_PORT = 1024
RESOLVE_SECONDS = 5.0

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_GLOBAL_UNICAST = ip_network("2000::/3")
_REFUSED_NETWORKS = tuple(
    ip_network(network)
    for network in (
        "100.64.0.0/10",  # carriers' NAT, and one cloud's metadata
        "168.63.129.16/32",  # a cloud's metadata on a public address
        "192.0.0.0/24",  # protocols' own, and one more cloud's metadata
        "192.88.99.0/24",  # 6to4 relays
        # IPv6 that carries an IPv4 address inside, which nobody checked:
        "2001::/23",
        "2002::/16",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
    )
)

Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host and port. Raises OSError where there are none."""


class AddressProblem(StrEnum):
    """Why nothing is sent to an address."""

    SPELLING = "spelling"
    SCHEME = "scheme"
    CREDENTIALS = "credentials"
    FRAGMENT = "fragment"
    PORT = "port"
    UNRESOLVED = "unresolved"
    FORBIDDEN = "forbidden"


class AddressRefused(Exception):
    """Nothing may be sent to this address; `problem` says why."""

    def __init__(self, problem: AddressProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True)
class Target:
    """Where to connect: the checked addresses, and the host name to send and to verify."""

    tls: bool
    host: str
    port: int
    path: str
    """With the query."""
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        """The name and port for the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the machine's own resolver, for RESOLVE_SECONDS at most. Raises OSError."""
    found: list[str] = []
    problems: list[Exception] = []

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            problems.append(error)

    # The resolver has no timeout of its own; a thread that is left behind ends by itself.
    thread = threading.Thread(target=ask, daemon=True, name="webhook-resolver")
    thread.start()
    thread.join(RESOLVE_SECONDS)
    if thread.is_alive() or problems:
        raise OSError("the name cannot be resolved")
    return found


@dataclass(frozen=True)
class Addresses:
    """The rule in force; `allow_private` (development only) also allows http, any address and more ports."""

    allow_private: bool = False
    ports: tuple[int, ...] = DEFAULT_PORTS
    """Ports at which receivers may listen: never that of a mail server or a terminal."""
    resolve: Resolver = field(default=system_resolver)

    def locate(self, url: str) -> Target:
        """Resolve and check an address.

        Raises AddressRefused, also where only one of several addresses is forbidden.
        """
        parts = self._parse(url)
        host = (parts.hostname or "").rstrip(".")
        tls = parts.scheme == "https"
        port = _port_of(parts)
        try:
            addresses = tuple(self.resolve(host, port))
        except OSError:
            raise AddressRefused(AddressProblem.UNRESOLVED) from None
        if not addresses:
            raise AddressRefused(AddressProblem.UNRESOLVED)
        if not self.allow_private and not all(map(is_public, addresses)):
            raise AddressRefused(AddressProblem.FORBIDDEN)
        path = parts.path or "/"
        return Target(
            tls=tls,
            host=host,
            port=port,
            path=f"{path}?{parts.query}" if parts.query else path,
            addresses=addresses,
        )

    def _parse(self, url: str) -> SplitResult:
        """Split an address into its parts. Raises AddressRefused for what is no plain address at an allowed port."""
        if len(url) > MAX_LENGTH or not _VISIBLE.fullmatch(url) or "\\" in url:
            raise AddressRefused(AddressProblem.SPELLING)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise AddressRefused(AddressProblem.SPELLING) from None
        if parts.scheme != "https" and not (self.allow_private and parts.scheme == "http"):
            raise AddressRefused(AddressProblem.SCHEME)
        if "@" in parts.netloc:
            raise AddressRefused(AddressProblem.CREDENTIALS)
        if "#" in url:
            raise AddressRefused(AddressProblem.FRAGMENT)
        if port == 0 or not host or not _HOST.fullmatch(host) or not host.strip("."):
            raise AddressRefused(AddressProblem.SPELLING)
        if not self._is_allowed_port(_port_of(parts)):
            raise AddressRefused(AddressProblem.PORT)
        return parts

    def _is_allowed_port(self, port: int) -> bool:
        if port in self.ports:
            return True
        return self.allow_private and (port == 80 or port >= FIRST_UNPRIVILEGED_PORT)


def _port_of(parts: SplitResult) -> int:
    if parts.port is not None:
        return parts.port
    return 443 if parts.scheme == "https" else 80


def is_public(text: str) -> bool:
    """Tell whether this is an address of the open internet: not private, loopback, link-local, shared or special."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if any(
        address in network for network in _REFUSED_NETWORKS if network.version == address.version
    ):
        return False
    return _is_plain_unicast(address) and address.is_global


def _is_plain_unicast(address: IPv4Address | IPv6Address) -> bool:
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_UNICAST and address.scope_id is None
    return True
