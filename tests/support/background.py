"""What requests started and did not wait for."""

from __future__ import annotations

import time

from webapp.extensions import bank_pool


def settle(seconds: float = 10) -> None:
    """Wait until this process asks the bank nothing any more."""
    until = time.monotonic() + seconds
    taken = 0
    while taken < bank_pool._size and time.monotonic() < until:
        taken += bank_pool._free.acquire(timeout=0.2)
    for _ in range(taken):
        bank_pool._free.release()
    assert taken == bank_pool._size, "the bank is still being asked"
