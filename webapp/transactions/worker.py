"""`flask worker`: asks the bank about every payment that is due, and tells other programs what happened.

Any number may run, anywhere. Asking and telling have threads of their own: neither waits for the other.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from flask import Flask
from prometheus_client import start_http_server
from sqlalchemy.exc import SQLAlchemyError

from webapp.accounts import service as accounts
from webapp.banking.connection import BankConnection
from webapp.idempotency import kept_answers
from webapp.kernel.config import Settings
from webapp.throttling import attempts
from webapp.transactions import checking
from webapp.transactions.totals import keeping
from webapp.webhooks import delivery
from webapp.webhooks import service as webhooks
from webapp.webhooks.sending import Sender

log = structlog.get_logger(__name__)

ASKING = 16
"""Threads that ask: against a bank that answers in 300 ms, more than twice what 20 checks a second want."""
SENDING = 16
"""Threads that send webhooks; half of them only to endpoints whose last attempt succeeded."""
IDLE_SECONDS = 1.0
GRACE_SECONDS = 4.0
HOUSEKEEPING_SECONDS = 600.0


class Crew:
    """Threads with one task, called again and again: while there is nothing to do, few of them look for it.

    Of those that rest the first looks again after a second, the second after two, and so on; one that finds work wakes
    another, so that a burst has all of them within a moment.
    """

    def __init__(self, task: Callable[[], bool], *, stopping: threading.Event) -> None:
        self._task = task
        self._stopping = stopping
        self._more = threading.Condition()
        self._resting = 0

    def work(self) -> None:
        """Do what there is to do until told to stop; trouble is logged, and tried again after a rest."""
        while not self._stopping.is_set():
            try:
                worked = self._task()
            except SQLAlchemyError as error:
                log.error("worker_database_unavailable", kind=type(error).__name__)
                worked = False
            except Exception as error:  # the trouble of one must not stop the others
                log.error("worker_failed", exc_info=error)
                worked = False
            if worked:
                self._wake_one()
            else:
                self._rest()

    def wake_all(self) -> None:
        """Let nobody rest: they look whether they are to stop."""
        with self._more:
            self._more.notify_all()

    def _wake_one(self) -> None:
        with self._more:
            self._more.notify()

    def _rest(self) -> None:
        with self._more:
            if self._stopping.is_set():
                return
            self._resting += 1
            self._more.wait(IDLE_SECONDS * self._resting)
            self._resting -= 1


@dataclass
class Worker:
    """Threads that ask, each about one payment at a time, and threads that send, until told to stop."""

    app: Flask
    bank: BankConnection
    sender: Sender
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; what is under way gets a few seconds to finish.

        A question left unanswered then is asked again by the process that finds its lease run out.
        """
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self.stopping.set())
        self._serve_metrics()
        # One sends only to endpoints that answer, so that those which hang never hold up the others.
        sizes = {
            self._ask_one: ASKING,
            self._send_one: SENDING // 2,
            self._send_one_to_healthy: SENDING // 2,
            self._fold_totals: 1,
        }
        crews = [Crew(task, stopping=self.stopping) for task in sizes]
        threads = [
            threading.Thread(target=crew.work, daemon=True)
            for crew, size in zip(crews, sizes.values(), strict=True)
            for _ in range(size)
        ]
        log.info("worker_started", threads=len(threads))
        for thread in threads:
            thread.start()
        next_housekeeping = 0.0
        while not self.stopping.wait(IDLE_SECONDS):
            if time.monotonic() >= next_housekeeping:
                next_housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
                self._keep_house()
        for crew in crews:
            crew.wake_all()
        last_moment = time.monotonic() + GRACE_SECONDS
        for thread in threads:
            thread.join(max(last_moment - time.monotonic(), 0))
        log.info("worker_stopped")

    def _serve_metrics(self) -> None:
        """Serve /metrics of this process, where PROMETHEUS_PORT asks for it."""
        settings: Settings = self.app.config["SETTINGS"]
        if settings.prometheus_port:
            host = os.environ.get("HOST", "127.0.0.1")
            start_http_server(settings.prometheus_port, addr=host)
            log.info("metrics_served", port=settings.prometheus_port)

    def run_once(self) -> int:
        """Ask about everything that is due now and send what is due then.

        Returns how many payments were asked about.
        """
        done = 0
        while self._ask_one():
            done += 1
        while self._send_one():
            pass
        return done

    def _ask_one(self) -> bool:
        with self.app.app_context():
            return checking.check_due(bank=self.bank)

    def _send_one(self) -> bool:
        with self.app.app_context():
            return delivery.deliver_due(sender=self.sender)

    def _send_one_to_healthy(self) -> bool:
        with self.app.app_context():
            return delivery.deliver_due(sender=self.sender, healthy_only=True)

    def _fold_totals(self) -> bool:
        with self.app.app_context():
            return keeping.fold() == keeping.FOLDED_AT_ONCE

    def _keep_house(self) -> None:
        try:
            with self.app.app_context():
                attempts.forget_expired()
                webhooks.purge_old()
                accounts.forget_ended_sessions()
                kept_answers.forget_expired()
        except SQLAlchemyError as error:
            log.error("worker_database_unavailable", kind=type(error).__name__)
