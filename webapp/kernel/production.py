"""What a production start refuses: weak keys, and host names that leave the door open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from itertools import pairwise

MIN_KEY_LENGTH = 32
MIN_KEY_CHARACTERS = 8
"""Different characters; of 28 million random keys of 32 hexadecimal digits one holds fewer."""
SAMPLE_WORDS = (
    "changeme",
    "changethis",
    "replaceme",
    "secretkey",
    "insecure",
    "password",
    "example",
    "donotuse",
)
"""What keys in manuals and examples say (ERD 16 has one), in small letters without punctuation."""

_HOST_NAME = re.compile(r"\.?[\w-]+(\.[\w-]+)*(:\d+)?")


def key_weakness(key: str) -> str | None:
    """Return why a signing key could be guessed, as the end of a sentence; None for a good one."""
    if len(key) < MIN_KEY_LENGTH:
        return (
            f"is too short: use at least {MIN_KEY_LENGTH} random characters (openssl rand -hex 32)"
        )
    if len(set(key)) < MIN_KEY_CHARACTERS or _repeats(key) or _counts_up(key):
        return "repeats itself: use random characters (openssl rand -hex 32)"
    plain = re.sub(r"[\W_]", "", key).lower()
    if any(word in plain for word in SAMPLE_WORDS):
        return "is the key of an example: use random characters (openssl rand -hex 32)"
    return None


def host_problem(host: str) -> str | None:
    """Return what is wrong with an entry of ALLOWED_HOSTS, as the end of a sentence.

    A name stands for itself, `.clinic.example` for all names below it too.
    """
    if "*" in host:
        return "may not hold *: name the hosts"
    if not (is_loopback(host) or _HOST_NAME.fullmatch(host)):
        return "must be host names without scheme or path, separated by commas"
    if host.startswith(".") and host.count(".") == 1 and not is_loopback(host):
        return f"may not hold {host}: that is everybody's, name the hosts"
    return None


def are_loopback(hosts: Sequence[str]) -> bool:
    """Return whether the hosts are named, and all of them are this machine."""
    return bool(hosts) and all(is_loopback(host) for host in hosts)


def is_loopback(host: str) -> bool:
    """Return whether a host, by name or address, with or without a port, is this machine."""
    if host.count(":") == 1 or "]:" in host:
        host = host.rpartition(":")[0]
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in ("localhost", ".localhost")


def _repeats(key: str) -> bool:
    """Return whether the key is one piece again and again, the last time perhaps cut short."""
    return any(key.startswith(key[piece:]) for piece in range(1, len(key) // 2 + 1))


def _counts_up(key: str) -> bool:
    """Return whether most characters equal, follow or precede the one before: 0123456789abcdef."""
    steps = sum(abs(ord(first) - ord(second)) <= 1 for first, second in pairwise(key))
    return steps * 2 > len(key)
