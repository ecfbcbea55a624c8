"""Orders to fail while the bank runs: which failures there are, and which calls they strike."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from webapp.banking.sandbox import form_values
from webapp.banking.sandbox.calls import Kind
from webapp.banking.sandbox.clock import BankClock


class Mode(StrEnum):
    """One way to fail. Those that are numbers answer with that HTTP status."""

    DOWN = "down"
    HANG = "hang"
    RESET = "reset"
    SLOW = "slow"
    HALF_BODY = "half_body"
    CONTENT_TYPE = "content_type"
    GARBAGE = "garbage"
    WRONG_TYPES = "wrong_types"
    HUGE = "huge"
    REDIRECT = "redirect"
    NO_CONTENT = "204"
    BAD_REQUEST = "400"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    CONFLICT = "409"
    UNPROCESSABLE = "422"
    TOO_MANY = "429"
    TOO_MANY_DATE = "429_date"
    TOO_MANY_SILENT = "429_silent"
    ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"

    @property
    def http_status(self) -> int | None:
        """The HTTP status that this failure answers with; None for failures of other kinds."""
        return int(self.value[:3]) if self.value[:3].isdigit() else None

    @property
    def distorts(self) -> bool:
        """Whether this failure sends the right answer in a wrong way."""
        return self in (Mode.SLOW, Mode.HALF_BODY, Mode.CONTENT_TYPE, Mode.HUGE)


SCOPES = ("all", "tokens", "transactions")
FIELDS = ("mode", "calls", "prefix", "seconds", "count", "retry_after")


@dataclass(slots=True)
class Failure:
    """One order to fail. `left` is how many more calls it strikes, None for any number."""

    mode: Mode
    calls: str = "all"
    prefix: str = ""
    until: datetime | None = None
    left: int | None = None
    retry_after: int | None = None
    id: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the order as /admin/failures shows it."""
        return {
            "id": self.id,
            "mode": self.mode.value,
            "calls": self.calls,
            "prefix": self.prefix or None,
            "until": None if self.until is None else self.until.isoformat(),
            "left": self.left,
            "retry_after": self.retry_after,
        }

    def strikes(self, kind: Kind, key: str | None) -> bool:
        """Return whether a call of this kind, about this key, fails."""
        if self.prefix:
            return key is not None and any(one.startswith(self.prefix) for one in _spellings(key))
        return self.calls == "all" or (self.calls == "tokens") == (kind == "token")


def read_failure(payload: Mapping[str, Any], clock: BankClock) -> Failure:
    """Read an order that was sent to an admin endpoint. Raises BadInput."""
    form_values.only(payload, FIELDS)
    prefix = form_values.digits(payload, "prefix", 1, 12) or ""
    calls = form_values.choice(payload, "calls", SCOPES, "transactions" if prefix else "all")
    if prefix and calls == "tokens":
        raise form_values.BadInput(
            "prefix elige referencias, y las llamadas de token no llevan ninguna."
        )
    seconds = form_values.seconds(payload, "seconds")
    return Failure(
        mode=Mode(form_values.choice(payload, "mode", [mode.value for mode in Mode])),
        calls=calls,
        prefix=prefix,
        until=None if seconds is None else clock.now() + timedelta(seconds=seconds),
        left=form_values.count(payload, "count"),
        retry_after=form_values.count(payload, "retry_after"),
    )


class FailureBoard:
    """The orders in force; of several that strike a call, the newest counts."""

    def __init__(self, clock: BankClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: list[Failure] = []
        self._last = 0

    def add(self, failure: Failure) -> Failure:
        """Put an order in force and give it its number."""
        with self._lock:
            self._last += 1
            failure.id = self._last
            self._failures.append(failure)
        return failure

    def strike(self, kind: Kind, key: str | None) -> Failure | None:
        """Return the order that strikes this call, if any, and count the call."""
        with self._lock:
            self._drop_spent()
            for failure in reversed(self._failures):
                if failure.strikes(kind, key):
                    if failure.left is not None:
                        failure.left -= 1
                    return failure
        return None

    def all(self) -> list[Failure]:
        """Return the orders in force, oldest first."""
        with self._lock:
            self._drop_spent()
            return list(self._failures)

    def remove(self, failure_id: int) -> bool:
        """Lift one order; return whether there was one with that number."""
        with self._lock:
            before = len(self._failures)
            self._failures = [one for one in self._failures if one.id != failure_id]
            return len(self._failures) < before

    def clear(self) -> None:
        """Lift all orders: the bank is well again."""
        with self._lock:
            self._failures.clear()

    def _drop_spent(self) -> None:
        now = self._clock.now()
        self._failures = [
            one
            for one in self._failures
            if one.left != 0 and (one.until is None or now < one.until)
        ]


def _spellings(key: str) -> tuple[str, ...]:
    """Return what a prefix is compared with: the key, also without leading zeros, and its last nine digits."""
    return key, key.lstrip("0"), key[-9:] if key[-9:].isdigit() else key
