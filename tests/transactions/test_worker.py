"""`flask worker`: it asks about everything that is due."""

from __future__ import annotations

import signal
import socket
import threading
from decimal import Decimal

import pytest
import requests
from flask import Flask
from prometheus_client import start_http_server as real
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.people import Cast
from tests.support.threads import together
from webapp.banking.gateway import BankUnavailable
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.throttling import attempts
from webapp.transactions import checking, worker
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.transactions.worker import Crew, Worker


@pytest.fixture
def clerk(app: Flask, bank: FakeGateway) -> Worker:
    return Worker(app=app, bank=app.extensions["bank"], sender=app.extensions["webhooks"])


def make_all_due() -> None:
    db.session.execute(
        update(Transaction)
        .where(Transaction.next_check_at.is_not(None))
        .values(next_check_at=clock.now())
    )
    db.session.commit()


def test_it_asks_about_what_is_due_and_stops_when_nothing_is(cast: Cast, bank, clerk):
    made = [payments.logged(cast.cashier) for _ in range(3)]
    assert clerk.run_once() == 3
    assert clerk.run_once() == 0
    assert {claim.reference for claim in bank.claims} == {payment.reference for payment in made}


def test_a_late_appearance_is_verified(cast: Cast, bank, clerk):
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(), answer(movement(payment)))
    clerk.run_once()
    assert payments.reread(payment).status is Status.IN_PROGRESS
    make_all_due()
    assert clerk.run_once() == 1
    assert payments.reread(payment).status is Status.COMPLETED


def test_it_leaves_what_is_final_or_before_a_supervisor(cast: Cast, bank, clerk):
    verified, doubtful = payments.logged(cast.cashier), payments.logged(cast.cashier)
    bank.will_answer(answer(movement(verified)), answer(movement(doubtful, amount=Decimal("1.00"))))
    assert clerk.run_once() == 2
    make_all_due()
    assert clerk.run_once() == 0
    assert payments.reread(doubtful).status is Status.TO_REVIEW


def test_a_silent_bank_does_not_keep_it_busy_and_it_comes_back(cast: Cast, bank, clerk):
    payment = payments.logged(cast.cashier)
    bank.will_answer(BankUnavailable("down"), answer(movement(payment)))
    assert clerk.run_once() == 1
    assert payments.reread(payment).status is Status.IN_PROGRESS
    make_all_due()
    clerk.run_once()
    assert payments.reread(payment).status is Status.COMPLETED


def test_two_workers_never_ask_about_one_payment_at_the_same_time(
    app: Flask, cast: Cast, bank, clerk
):
    made = [payments.logged(cast.cashier) for _ in range(8)]
    other = Worker(app=app, bank=clerk.bank, sender=clerk.sender)
    done = together(app, [clerk.run_once, other.run_once])
    assert sum(number for number in done if isinstance(number, int)) == 8
    assert sorted(claim.reference for claim in bank.claims) == sorted(p.reference for p in made)


def test_it_works_through_trouble_until_told_to_stop(cast: Cast, bank, clerk, monkeypatch, caplog):
    """One payment's trouble and a lost database are logged; the next payment is still asked about."""
    handlers = {}
    monkeypatch.setattr(signal, "signal", lambda name, handler: handlers.update({name: handler}))
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.01)
    swept = threading.Event()
    monkeypatch.setattr(attempts, "forget_expired", swept.set)
    troubles = iter(
        [OperationalError("SELECT 1", None, Exception("server gone")), RuntimeError("a mistake")]
    )
    real = checking.check_due
    answered = threading.Event()
    lock = threading.Lock()

    def check_due(*, bank):
        with lock:
            trouble = next(troubles, None)
        if trouble:
            raise trouble
        done = real(bank=bank)
        if done:
            answered.set()
        return done

    monkeypatch.setattr(checking, "check_due", check_due)
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(payment)))

    def stop_when_done() -> None:
        answered.wait(30)
        swept.wait(30)
        handlers[signal.SIGTERM]()

    ender = threading.Thread(target=stop_when_done)
    ender.start()
    clerk.run()
    ender.join(30)
    assert answered.is_set() and swept.is_set()
    assert signal.SIGINT in handlers
    assert payments.reread(payment).status is Status.COMPLETED


def test_housekeeping_survives_a_lost_database(clerk, monkeypatch):
    def gone() -> None:
        raise OperationalError("DELETE", None, Exception("server gone"))

    monkeypatch.setattr(attempts, "forget_expired", gone)
    clerk._keep_house()


def test_the_command_says_how_many_it_checked(app: Flask, cast: Cast, bank):
    payments.logged(cast.cashier)
    result = app.test_cli_runner().invoke(args=["worker", "--once"])
    assert result.output.splitlines()[-1] == "1 checked"


def test_it_answers_metrics_where_a_port_is_set(app: Flask, clerk, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    changed = app.config["SETTINGS"].model_copy(update={"prometheus_port": port})
    monkeypatch.setitem(app.config, "SETTINGS", changed)
    served = []
    monkeypatch.setattr(
        worker, "start_http_server", lambda *given, **more: served.append(real(*given, **more))
    )
    clerk.stopping.set()
    clerk.run()
    server, thread = served[0]
    try:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert "banesco_api_calls_total" in text


def test_a_thread_that_finds_work_wakes_one_that_rests(monkeypatch):
    monkeypatch.setattr(worker, "IDLE_SECONDS", 3600.0)
    stopping, rests, woken = threading.Event(), threading.Event(), threading.Event()
    first: list[int] = []

    def task() -> bool:
        me = threading.get_ident()
        if not first:
            first.append(me)
            rests.set()
            return False
        if me == first[0]:
            woken.set()
        return not woken.is_set()

    crew = Crew(task, stopping=stopping)
    threads = [threading.Thread(target=crew.work, daemon=True) for _ in range(2)]
    threads[0].start()
    assert rests.wait(30)
    threads[1].start()
    assert woken.wait(30)
    stopping.set()
    crew.wake_all()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
