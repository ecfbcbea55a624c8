"""The bank's clock, which a test can set forward, and its pauses, which a test can cut short."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

CARACAS = timezone(timedelta(hours=-4), "America/Caracas")


def machine_time() -> datetime:
    """Return the present moment by the machine's clock, aware, in UTC."""
    return datetime.now(UTC)


class BankClock:
    """The time as the bank sees it: the machine's, plus what was added by `advance`."""

    def __init__(self, source: Callable[[], datetime] = machine_time) -> None:
        self._source = source
        self._shift = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the present moment at the bank, aware, in UTC."""
        return self._source() + self._shift

    def today(self) -> date:
        """Return the present day in Caracas."""
        return self.now().astimezone(CARACAS).date()

    def advance(self, seconds: float) -> None:
        """Let time pass at the bank: tokens age, late movements appear."""
        with self._lock:
            self._shift += timedelta(seconds=seconds)

    def reset(self) -> None:
        """Go back to the machine's time."""
        with self._lock:
            self._shift = timedelta()


class Pauses:
    """Where hanging requests wait, so that all of them can be released at once."""

    def __init__(self) -> None:
        self._gate = threading.Event()
        self._closed = False

    def wait(self, seconds: float) -> bool:
        """Wait in real time; return whether the wait was cut short."""
        return self._closed or self._gate.wait(seconds)

    def release(self) -> None:
        """Release all that wait now; later callers wait again."""
        waiting, self._gate = self._gate, threading.Event()
        waiting.set()

    def close(self) -> None:
        """Release all that wait, now and later: the server stops."""
        self._closed = True
        self.release()
