"""A cache that many processes share, and without which they go on."""

from __future__ import annotations

from typing import Any, Protocol

import structlog

log = structlog.get_logger(__name__)


def redis_errors() -> tuple[type[Exception], ...]:
    """Return what Redis raises where it is away or refuses: to be asked only after an error, for its library is large."""
    from redis.exceptions import RedisError

    return (RedisError,)


class Cache(Protocol):
    """What keeps values by key for some seconds (Flask-Caching's interface)."""

    def get(self, key: str) -> Any:
        """Return what is kept, or None."""

    def set(self, key: str, value: Any, timeout: int | None = None) -> Any:
        """Keep a value for at most `timeout` seconds."""


class SharedCache:
    """The shared cache; while Redis is away, it returns what this process itself put in.

    For few keys, whose values say by themselves until when they hold.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._own: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return what is kept, or None."""
        try:
            return self._cache.get(key)
        except redis_errors() as error:
            log.warning("cache_unavailable", kind=type(error).__name__)
            return self._own.get(key)

    def set(self, key: str, value: Any, timeout: int | None = None) -> None:
        """Keep a value for at most `timeout` seconds."""
        self._own[key] = value
        try:
            self._cache.set(key, value, timeout=timeout)
        except redis_errors() as error:
            log.warning("cache_unavailable", kind=type(error).__name__)
