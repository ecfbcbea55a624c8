"""The log of every call that reached the bank, so that limits can be proved where they count."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from webapp.banking.sandbox.clock import machine_time

Kind = Literal["token", "transactions", "confirmation", "other"]
LONGEST_SHOWN = 120


@dataclass(slots=True)
class Call:
    """One call. `at` is when it arrived by the machine's clock, not by the `BankClock`.

    `status` stays None where the connection ends without an answer. `outcome` names the failure
    that was played, else it is "answered", or "waiting" before that.
    """

    number: int
    at: datetime
    kind: Kind
    method: str
    path: str
    key: str | None
    status: int | None = None
    outcome: str = "waiting"

    def as_json(self) -> dict[str, Any]:
        """Return the call as /admin/calls shows it; `arrived` is `at` in seconds since 1970."""
        return {
            "number": self.number,
            "at": self.at.isoformat(timespec="milliseconds"),
            "arrived": self.at.timestamp(),
            "kind": self.kind,
            "method": self.method,
            "path": self.path,
            "key": self.key,
            "status": self.status,
            "outcome": self.outcome,
        }


class CallLog:
    """The last calls, oldest first, without headers, bodies and secrets."""

    def __init__(self, kept: int) -> None:
        self._calls: deque[Call] = deque(maxlen=kept)
        self._lock = threading.Lock()
        self._total = 0

    def arrive(self, kind: Kind, method: str, path: str, key: str | None) -> Call:
        """Log a call before it is answered, so that a call that hangs is seen as well."""
        shown = None if key is None else key[:LONGEST_SHOWN]
        with self._lock:
            self._total += 1
            call = Call(self._total, machine_time(), kind, method[:10], path[:LONGEST_SHOWN], shown)
            self._calls.append(call)
        return call

    def select(
        self, *, kind: str | None = None, key: str | None = None, limit: int | None = None
    ) -> list[Call]:
        """Return the calls of a kind or about a key, oldest first; `limit` keeps the newest."""
        with self._lock:
            calls = list(self._calls)
        found = [call for call in calls if kind in (None, call.kind) and key in (None, call.key)]
        return found if limit is None else found[-limit:]

    @property
    def total(self) -> int:
        """The number of calls since the last reset, those no longer kept included."""
        return self._total

    def worst_window(self, seconds: float = 60) -> tuple[int, str | None]:
        """Return the most calls about one key that arrived within any `seconds`, and that key."""
        arrivals: defaultdict[str, list[float]] = defaultdict(list)
        for call in self.select():
            if call.key is not None:
                arrivals[call.key].append(call.at.timestamp())
        worst: tuple[int, str | None] = (0, None)
        for key, times in arrivals.items():
            times.sort()
            first = 0
            for last, moment in enumerate(times):
                while moment - times[first] >= seconds:
                    first += 1
                if last - first + 1 > worst[0]:
                    worst = (last - first + 1, key)
        return worst

    def clear(self) -> None:
        """Forget everything and count from one again."""
        with self._lock:
            self._calls.clear()
            self._total = 0
