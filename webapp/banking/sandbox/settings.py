"""The sandbox's own settings, read from environment variables: its waits and its names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_PORT = 8765
DEFAULT_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """The settings of one sandbox; every duration is in seconds."""

    allowed_hosts: tuple[str, ...] = ()
    """Host names that are answered besides those of loopback."""

    token_seconds: float = 300
    pending_seconds: float = 30
    appears_seconds: float = 60
    hang_seconds: float = 60
    drip_seconds: float = 1
    huge_bytes: int = 32 * 1024 * 1024
    calls_kept: int = 100_000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SandboxSettings:
        """Read SANDBOX_ALLOWED_HOSTS, …_TOKEN_SECONDS, …_PENDING_SECONDS, …_APPEARS_SECONDS and …_HANG_SECONDS.

        Raises ValueError, naming the variable, for a value that is not a number of seconds.
        """
        usual = cls()
        hosts = environment.get("SANDBOX_ALLOWED_HOSTS", "").lower().split(",")
        return cls(
            allowed_hosts=tuple(host.strip() for host in hosts if host.strip()),
            token_seconds=_seconds(environment, "SANDBOX_TOKEN_SECONDS", usual.token_seconds),
            pending_seconds=_seconds(environment, "SANDBOX_PENDING_SECONDS", usual.pending_seconds),
            appears_seconds=_seconds(environment, "SANDBOX_APPEARS_SECONDS", usual.appears_seconds),
            hang_seconds=_seconds(environment, "SANDBOX_HANG_SECONDS", usual.hang_seconds),
        )


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 86_400:
        raise ValueError(f"{name} must be a number of seconds from 0 to 86400, not {text!r}.")
    return value
