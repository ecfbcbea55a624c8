"""Limits on the requests of a caller (RATE_LIMIT_REQUESTS in RATE_LIMIT_PERIOD seconds), exact over all workers.

The count is kept in Redis, or in the table `rate_limits`. For a caller that asks often, the next few requests are
counted at once, so that reads stay cheap: never more than the limit pass, and a process leaves at most a 500th of
the limit unused.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from limits.storage import MemoryStorage, Storage, storage_from_string
from sqlalchemy import text

from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.kernel.shared_cache import redis_errors

log = structlog.get_logger(__name__)

SHARE = 500
"""A caller gets at most a 500th of what is left counted at once."""
OFTEN_SECONDS = 0.05
STEADY = 16
"""After so many requests, each within OFTEN_SECONDS of the one before, a caller counts as asking often."""
MOST_CALLERS = 10_000

_COUNT = text("""
WITH quickly AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO rate_limits
  (resource_type, resource_identifier, window_start, expires_at, request_count)
SELECT 'REQUESTS', name, to_timestamp(:start), to_timestamp(:ends), amount
FROM quickly, unnest(CAST(:names AS text[]), CAST(:amounts AS integer[]))
  WITH ORDINALITY AS asked (name, amount, place)
ORDER BY place
ON CONFLICT (resource_type, resource_identifier, window_start) DO UPDATE
SET request_count = rate_limits.request_count + excluded.request_count, updated_at = now()
RETURNING resource_identifier, request_count
""")
# The last counts may be lost in a crash of the server, so no request waits for its disk.


class Store(Protocol):
    """Where all processes count together."""

    def add(self, amounts: dict[str, int], *, start: int, period: int) -> dict[str, int]:
        """Add to the counts of the window that starts at `start`, in seconds since the epoch; return the new counts."""


class PostgresStore:
    """Counts in the ERD's table `rate_limits`, in one statement for all callers of a request."""

    def add(self, amounts: dict[str, int], *, start: int, period: int) -> dict[str, int]:
        """Add to the counts, as `Store` has it. Raises SQLAlchemyError where the database is away."""
        values = {
            "start": start,
            "ends": start + period,
            "names": list(amounts),
            "amounts": list(amounts.values()),
        }
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return {row[0]: row[1] for row in connection.execute(_COUNT, values)}


class RedisStore:
    """Counts in Redis, and in this process's memory while Redis is away."""

    def __init__(self, url: str) -> None:
        self._redis: Storage = storage_from_string(  # type: ignore[assignment]
            url, socket_connect_timeout=1, socket_timeout=1
        )
        self._memory = MemoryStorage()
        self._away_until = 0.0

    def add(self, amounts: dict[str, int], *, start: int, period: int) -> dict[str, int]:
        """Add to the counts, as `Store` has it."""
        if time.monotonic() >= self._away_until:
            try:
                return self._increment(self._redis, amounts, start, period)
            except redis_errors() as error:
                log.warning("redis_away", kind=type(error).__name__)
                self._away_until = time.monotonic() + 5
        return self._increment(self._memory, amounts, start, period)

    def _increment(
        self, storage: Storage, amounts: dict[str, int], start: int, period: int
    ) -> dict[str, int]:
        return {
            name: storage.incr(f"requests/{start}/{name}", period, amount)
            for name, amount in amounts.items()
        }


@dataclass
class _CallerState:
    """What this process knows of one caller in one window."""

    start: int
    counted: int = 0
    reserved: int = 0
    exhausted: bool = False
    asked_at: float = 0.0
    steady: int = 0


@dataclass(frozen=True)
class Usage:
    """What a caller has left after a request."""

    allowed: bool
    limit: int
    period: int
    remaining: int
    reset: int
    """Seconds until the window ends and the next count begins at zero."""

    @property
    def headers(self) -> dict[str, str]:
        """The fields of the IETF's draft `RateLimit header fields for HTTP`."""
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={self.period}',
            "RateLimit": f'"default";r={self.remaining};t={self.reset}',
        }


@dataclass
class RequestLimits:
    """Fixed windows in which the requests of each caller are counted."""

    store: Store
    limit: int
    period: int
    now: Callable[[], float] = time.time
    _callers: dict[str, _CallerState] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, callers: Sequence[str]) -> Usage:
        """Count one request of all these callers together (a token, an address).

        It is allowed where every one of them has something left. Raises SQLAlchemyError where
        PostgreSQL counts and is away.
        """
        now = self.now()
        start = int(now - now % self.period)
        names = [hashlib.sha256(caller.encode()).hexdigest() for caller in callers]
        with self._lock:
            taken, wanted = self._take_reserved(names, start)
        counts = self.store.add(wanted, start=start, period=self.period) if wanted else {}
        with self._lock:
            for name, count in counts.items():
                taken[name] = self._book(self._caller(name, start), count, wanted[name])
            left = [self._remaining(self._caller(name, start)) for name in names]
        return Usage(
            allowed=all(taken.values()),
            limit=self.limit,
            period=self.period,
            remaining=min(left) if all(taken.values()) else 0,
            reset=max(1, round(start + self.period - now)),
        )

    def _caller(self, name: str, start: int) -> _CallerState:
        known = self._callers.get(name)
        if known is None or known.start != start:
            if len(self._callers) >= MOST_CALLERS:
                self._callers.clear()
            known = self._callers[name] = _CallerState(start)
        return known

    def _take_reserved(
        self, names: Sequence[str], start: int
    ) -> tuple[dict[str, bool], dict[str, int]]:
        """Return which callers are known to have something left or nothing, and how much to count for the others."""
        taken: dict[str, bool] = {}
        wanted: dict[str, int] = {}
        for name in names:
            caller = self._caller(name, start)
            if caller.reserved > 0:
                caller.reserved -= 1
                taken[name] = True
            elif caller.exhausted:
                taken[name] = False
            else:
                wanted[name] = self._amount_to_count(caller)
        return taken, wanted

    def _amount_to_count(self, caller: _CallerState) -> int:
        now = time.monotonic()
        often = now - caller.asked_at < OFTEN_SECONDS * max(1, caller.steady - STEADY)
        caller.steady = min(caller.steady + 1, STEADY + 1_000) if often else 0
        caller.asked_at = now
        if caller.steady <= STEADY:
            return 1
        return max(1, min((self.limit - caller.counted) // SHARE, caller.steady - STEADY))

    def _book(self, caller: _CallerState, count: int, amount: int) -> bool:
        granted = max(0, min(amount, self.limit - (count - amount)))
        caller.counted = max(caller.counted, count)
        caller.exhausted = caller.counted >= self.limit
        caller.reserved += max(0, granted - 1)
        return granted > 0

    def _remaining(self, caller: _CallerState) -> int:
        return max(0, self.limit - caller.counted) + caller.reserved


def connect(settings: Settings) -> RequestLimits:
    """Return the limits that the settings describe."""
    store = RedisStore(settings.redis_url) if settings.redis_url else PostgresStore()
    return RequestLimits(store, settings.rate_limit_requests, settings.rate_limit_period)
