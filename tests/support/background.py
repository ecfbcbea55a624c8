"""What requests started and did not wait for."""

from __future__ import annotations

import time

from webapp.kernel.background import BoundedPool
from webapp.transactions.asking import bank_pool


def settle(pool: BoundedPool = bank_pool, seconds: float = 10) -> None:
    """Wait until nothing runs in the pool (by default: until the bank is asked nothing any more)."""
    until = time.monotonic() + seconds
    taken = 0
    while taken < pool._size and time.monotonic() < until:
        taken += pool._free.acquire(timeout=0.2)
    for _ in range(taken):
        pool._free.release()
    assert taken == pool._size, "work still runs"
