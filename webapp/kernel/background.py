"""Work that a request starts and does not wait for, within a small bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

import structlog

log = structlog.get_logger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Context = Callable[[], AbstractContextManager[object]]
"""Enters what the work needs around it: a database session of its own."""


class BoundedPool:
    """Threads for at most `size` pieces of work at a time in this process; more is refused, never queued.

    Each piece of work runs in a context of its own, which the caller names.
    """

    def __init__(self, *, size: int) -> None:
        self._free = threading.BoundedSemaphore(size)
        self._size = size
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def submit(
        self, context: Context, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R] | None:
        """Start the work now, or return None where every place is taken."""
        if not self._free.acquire(blocking=False):
            return None

        def run() -> R:
            try:
                with context():
                    return work(*args, **kwargs)
            except Exception as error:
                # Often nobody waits for the result, so only the log would tell of the error.
                log.error("background_failed", exc_info=error)
                raise
            finally:
                self._free.release()

        try:
            return self._threads().submit(run)
        except RuntimeError:  # the process is shutting down
            self._free.release()
            return None

    def _threads(self) -> ThreadPoolExecutor:
        # Made on first use: threads do not survive the fork of a web worker.
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self._size, thread_name_prefix="bank")
            return self._executor


class Pace:
    """Turns for work that may as well be left to others: so many a second on average, and a few at once after a rest."""

    def __init__(
        self, *, per_second: float, at_once: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._at_once, self._now = per_second, at_once, now
        self._turns, self._counted_at, self._paused_until = float(at_once), now(), 0.0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take a turn, or return False where there is none yet."""
        with self._lock:
            now = self._now()
            earned = (now - self._counted_at) * self._per_second
            self._turns = min(self._turns + earned, float(self._at_once))
            self._counted_at = now
            if self._turns < 1 or now < self._paused_until:
                return False
            self._turns -= 1
            return True

    def pause(self, seconds: float) -> None:
        """Give no turn for so many seconds."""
        self._paused_until = self._now() + seconds
