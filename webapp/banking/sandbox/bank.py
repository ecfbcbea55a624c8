"""The bank: the whole state of one running sandbox."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime

from flask import current_app

from webapp.banking.sandbox.calls import CallLog
from webapp.banking.sandbox.clock import BankClock, Pauses
from webapp.banking.sandbox.failures import FailureBoard
from webapp.banking.sandbox.settings import SandboxSettings
from webapp.banking.sandbox.store import MovementStore
from webapp.banking.sandbox.tokens import TokenDesk

MOST_REMEMBERED = 200_000


class Bank:
    """The state of one sandbox; each part is thread-safe by itself."""

    def __init__(
        self, settings: SandboxSettings | None = None, clock: BankClock | None = None
    ) -> None:
        self.settings = settings or SandboxSettings()
        self.clock = clock or BankClock()
        self.pauses = Pauses()
        self.movements = MovementStore(self.clock)
        self.tokens = TokenDesk(self.clock, self.settings.token_seconds)
        self.failures = FailureBoard(self.clock)
        self.calls = CallLog(self.settings.calls_kept)
        self._lock = threading.Lock()
        self._first_asked: OrderedDict[str, datetime] = OrderedDict()
        self._sessions: OrderedDict[str, None] = OrderedDict()

    def age(self, digits: str, *, peek: bool = False) -> float:
        """Return the seconds since this reference was first asked about; the first time gives 0.

        With `peek`, as for the sandbox's own page, the time does not start.
        """
        now = self.clock.now()
        with self._lock:
            first = self._first_asked.get(digits, now)
            if not peek:
                self._first_asked.setdefault(digits, first)
                while len(self._first_asked) > MOST_REMEMBERED:
                    self._first_asked.popitem(last=False)
        return (now - first).total_seconds()

    def is_new_session(self, session_id: str) -> bool:
        """Return whether a `sessionId` is new: the bank wants another one with every call."""
        with self._lock:
            if session_id in self._sessions:
                return False
            self._sessions[session_id] = None
            while len(self._sessions) > MOST_REMEMBERED:
                self._sessions.popitem(last=False)
        return True

    def recover(self) -> None:
        """Lift every failure and end the calls that hang."""
        self.failures.clear()
        self.pauses.release()

    def reset(self) -> None:
        """Go back to the start: seeds, no failures, no tokens, no calls, the machine's time."""
        self.clock.reset()
        self.recover()
        self.movements.reset()
        self.tokens.reset()
        self.calls.clear()
        with self._lock:
            self._first_asked.clear()
            self._sessions.clear()


def current_bank() -> Bank:
    """Return the bank of the running application."""
    bank: Bank = current_app.extensions["bank"]
    return bank
