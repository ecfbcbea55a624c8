"""`flask worker`: asks the bank about every payment that is due; any number may run, anywhere."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass, field

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from webapp import idempotency, limits
from webapp.banking.connection import BankConnection
from webapp.transactions import checking

log = structlog.get_logger(__name__)

THREADS = 4
IDLE_SECONDS = 1.0
GRACE_SECONDS = 4.0
HOUSEKEEPING_SECONDS = 600.0


@dataclass
class Worker:
    """A few threads that ask, each about one payment at a time, until told to stop."""

    app: Flask
    bank: BankConnection
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; what is under way gets a few seconds to finish.

        A question left unanswered then is asked again by whoever finds its claim run out.
        """
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self.stopping.set())
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]
        log.info("worker_started", threads=THREADS)
        for thread in threads:
            thread.start()
        next_housekeeping = 0.0
        while not self.stopping.wait(IDLE_SECONDS):
            if time.monotonic() >= next_housekeeping:
                next_housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
                self._keep_house()
        last_moment = time.monotonic() + GRACE_SECONDS
        for thread in threads:
            thread.join(max(last_moment - time.monotonic(), 0))
        log.info("worker_stopped")

    def run_once(self) -> int:
        """Ask about everything that is due now; returns how many payments that were."""
        done = 0
        while self._one():
            done += 1
        return done

    def _work(self) -> None:
        while not self.stopping.is_set():
            try:
                worked = self._one()
            except SQLAlchemyError as error:
                log.error("worker_database_unavailable", kind=type(error).__name__)
                worked = False
            except Exception as error:  # one payment's trouble must not stop the others
                log.error("worker_failed", exc_info=error)
                worked = False
            if not worked:
                self.stopping.wait(IDLE_SECONDS)

    def _one(self) -> bool:
        with self.app.app_context():
            return checking.check_due(bank=self.bank)

    def _keep_house(self) -> None:
        try:
            with self.app.app_context():
                limits.forget_expired()
                idempotency.forget_expired()
        except SQLAlchemyError as error:
            log.error("worker_database_unavailable", kind=type(error).__name__)
