"""When the bank is asked about a payment again (DESIGN 4); pure.

Young payments are due again after about 30 s, 1, 2, 5, 15 and 30 minutes, then hourly.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

_SPACING = (
    (timedelta(seconds=60), timedelta(seconds=30)),
    (timedelta(minutes=3), timedelta(minutes=1)),
    (timedelta(minutes=10), timedelta(minutes=2)),
    (timedelta(minutes=30), timedelta(minutes=5)),
    (timedelta(hours=2), timedelta(minutes=15)),
    (timedelta(hours=6), timedelta(minutes=30)),
)
"""Up to which age of a declaration it is asked about how often; hourly after that."""

AFTER_SILENCE = timedelta(minutes=2)
"""The longest wait after a call that a well bank would have answered."""
QUIET_SPACING = timedelta(minutes=15)
"""The shortest wait in the bank's hours of maintenance."""
INCOMPLETE_SPACING = timedelta(hours=1)
"""The wait for a payment that cannot be asked about, should nobody complete it."""


def next_check(
    waiting_since: datetime, now: datetime, *, quiet: bool = False, silent: bool = False
) -> datetime:
    """Return when the bank should be asked again: the older the declaration, the later, and never all at once.

    `quiet`: the bank is being maintained. `silent`: it did not answer, so nothing is known yet.
    """
    age = now - waiting_since
    delay = next((delay for limit, delay in _SPACING if age < limit), timedelta(hours=1))
    if silent:
        delay = min(delay, AFTER_SILENCE)
    if quiet:
        delay = max(delay, QUIET_SPACING)
    return now + delay * random.uniform(1.0, 1.1)  # noqa: S311
