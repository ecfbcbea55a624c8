"""When a failed delivery is tried again; pure."""

from __future__ import annotations

import random
from datetime import timedelta

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The waits between attempts: ten attempts in a little over three days."""
LONGEST_WAIT = timedelta(hours=24)
"""The longest wait that a receiver can ask for with Retry-After."""


def delay_after(attempts: int, retry_after: float | None = None) -> timedelta | None:
    """Return how long to wait after so many failed attempts; None after the last one.

    `retry_after` is what the receiver asked for, in seconds; it lengthens the wait and never shortens it.
    """
    if attempts > len(DELAYS):
        return None
    delay = DELAYS[max(attempts, 1) - 1] * random.uniform(1.0, 1.1)  # noqa: S311
    asked = timedelta(seconds=min(retry_after or 0.0, LONGEST_WAIT.total_seconds()))
    return max(delay, asked)
