"""The Retry-After header, as banks and receivers of webhooks send it (RFC 9110, 10.2.3)."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

from webapp.kernel import clock


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds to wait that a Retry-After header (a delay, or an HTTP date) names; None if unreadable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), 86_400))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        return None
    return min(max((moment - (now or clock.now())).total_seconds(), 0.0), 86_400.0)
