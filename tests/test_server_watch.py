"""A database server that is frozen: whatever waits for it ends with an honest answer, and recovers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.e2e.processes import wait_until
from tests.support import payments
from tests.support.outage import Relay
from tests.support.pages import Browser
from tests.support.people import Cast
from tests.support.programs import Program, payment
from tests.test_errors import other_app
from webapp.kernel import server_watch
from webapp.kernel.database import db, engine_options
from webapp.kernel.server_watch import CommitCut
from webapp.transactions import service
from webapp.transactions.models import Transaction

SOON = 7
"""Seconds within which nobody waits any longer."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch loses its patience ten times as fast."""
    monkeypatch.setattr(server_watch, "SUSPICIOUS_SECONDS", 0.1)
    monkeypatch.setattr(server_watch, "TICK_SECONDS", 0.025)


@pytest.fixture
def relay(database_url: str) -> Iterator[Relay]:
    relay = Relay(database_url)
    relay.mend()
    yield relay
    relay.cut()


@pytest.fixture
def engine(relay: Relay) -> Iterator[Engine]:
    engine = create_engine(relay.url, **engine_options(pool_size=2, max_overflow=0))
    yield engine
    relay.thaw()
    engine.dispose()


@pytest.fixture
def program(app: Flask, cast: Cast, relay: Relay, tmp_path: Path) -> Iterator[Program]:
    """An integrator's program, at an application whose database can be frozen."""
    other = other_app(relay.url, tmp_path)
    yield Program(other, cast.integrator)
    relay.thaw()
    with other.app_context():
        db.engine.dispose()


def ask(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "database-watch"]


def test_a_statement_ends_when_the_server_is_frozen(relay: Relay, engine: Engine):
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        relay.freeze()
        begun = time.monotonic()
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 2"))
        assert time.monotonic() - begun < SOON


def test_a_rollback_ends_when_the_server_is_frozen(relay: Relay, engine: Engine):
    begun = time.monotonic()
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        relay.freeze()
    assert time.monotonic() - begun < SOON


def test_while_the_server_is_frozen_nobody_waits_again(relay: Relay, engine: Engine):
    ask(engine)
    relay.freeze()
    with pytest.raises(OperationalError):
        ask(engine)
    begun = time.monotonic()
    for _ in range(50):
        with pytest.raises(OperationalError):
            ask(engine)
    assert time.monotonic() - begun < SOON


def test_the_server_is_used_again_as_soon_as_it_answers(relay: Relay, engine: Engine):
    ask(engine)
    relay.freeze()
    with pytest.raises(OperationalError):
        ask(engine)
    relay.thaw()
    wait_until(lambda: works(engine), seconds=SOON, describe="the server answers")


def test_a_statement_that_is_only_slow_goes_on(relay: Relay, engine: Engine):
    with engine.connect() as connection:
        asked = threading.Event()
        answers = server_watch.ServerWatch._server_answers

        def note(watch: server_watch.ServerWatch) -> bool:
            asked.set()
            return answers(watch)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server_watch.ServerWatch, "_server_answers", note)
            assert connection.scalar(text("SELECT 1 FROM pg_sleep(0.8)")) == 1
        assert asked.is_set(), "the server was asked meanwhile whether it is still there"


def test_a_server_that_refuses_connections_is_not_frozen(relay: Relay, engine: Engine):
    """As where every connection of the server is in use: those that stand go on."""
    with engine.connect() as connection:
        relay.refuses = True
        assert connection.scalar(text("SELECT 1 FROM pg_sleep(0.8)")) == 1


def test_a_commit_that_is_cut_says_that_its_outcome_is_unknown(relay: Relay, engine: Engine):
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE cut_commit (number int)"))
        connection.commit()
        connection.execute(text("INSERT INTO cut_commit VALUES (1)"))
        relay.freeze_after(b"COMMIT")
        with pytest.raises(OperationalError) as cut:
            connection.commit()
    assert isinstance(cut.value.orig, CommitCut)
    relay.thaw()
    wait_until(lambda: works(engine), seconds=SOON, describe="the server answers")
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM cut_commit")) == 1
        connection.execute(text("DROP TABLE cut_commit"))


def test_a_commit_that_the_server_refuses_has_a_known_outcome(relay: Relay, engine: Engine):
    deferred = "CREATE TEMP TABLE once (number int UNIQUE DEFERRABLE INITIALLY DEFERRED)"
    with engine.connect() as connection:
        connection.execute(text(deferred))
        connection.execute(text("INSERT INTO once VALUES (1), (1)"))
        with pytest.raises(IntegrityError):
            connection.commit()


def test_nothing_watches_once_the_last_connection_is_closed(relay: Relay, engine: Engine):
    before = set(watchers())
    engine.connect().close()
    assert set(watchers()) - before
    engine.dispose()
    wait_until(
        lambda: not set(watchers()) - before, seconds=SOON, describe="the thread ends", every=0.02
    )


def test_a_payment_whose_commit_was_cut_may_be_sent_again_and_exists_once(
    relay: Relay, program: Program
):
    body = payment()
    relay.freeze_after(b"INSERT INTO transactions", b"COMMIT")
    cut = program.post("/transactions", body)
    assert (cut.status_code, cut.get_json()["code"]) == (503, "unavailable")
    assert cut.headers["Retry-After"] == "5"
    assert "no sabemos si se guardó" in cut.get_json()["detail"]
    relay.thaw()
    wait_until(
        lambda: program.get("/auth/me").status_code == 200,
        seconds=SOON,
        describe="the product works again",
    )
    again = program.post("/transactions", body)
    assert again.status_code in (200, 201), again.text
    assert stored(body["transaction_id"]) == 1


def test_a_payment_that_commits_by_itself_has_an_unknown_outcome_where_it_is_cut(
    app: Flask, cast: Cast, relay: Relay, tmp_path: Path
):
    other = other_app(relay.url, tmp_path)
    details = payments.details()

    def send() -> service.Logged:
        return service.log(
            actor=cast.cashier.actor,
            details=details,
            transaction_id=None,
            submission_key="one-form",
            bank_environment="qa",
            receiving_account=None,
        )

    with other.app_context():
        relay.freeze_after(b"INSERT INTO transactions")
        with pytest.raises(OperationalError) as cut:
            send()
        assert isinstance(cut.value.orig, CommitCut)
        db.session.rollback()
        relay.thaw()
        wait_until(lambda: works(db.engine), seconds=SOON, describe="the server answers")
        again = send()
        db.engine.dispose()
    assert again.created is False
    assert stored(again.transaction.transaction_id) == 1


def test_a_page_says_that_a_form_may_have_been_saved(
    app: Flask, cast: Cast, relay: Relay, tmp_path: Path
):
    other = other_app(relay.url, tmp_path)
    browser = Browser(other).sign_in(cast.cashier)
    typed = payments.form()
    form = browser.get("/transactions/new").inputs
    relay.freeze_after(b"INSERT INTO transactions", b"COMMIT")
    page = browser.post("/transactions/new", {**form, **typed}).insist()
    assert page.status == 503
    assert "no sabemos si se guardó" in page.text
    relay.thaw()
    wait_until(
        lambda: browser.get("/transactions").status == 200, seconds=SOON, describe="it works again"
    )
    again = browser.post("/transactions/new", {**form, **typed})
    assert again.status == 303
    count = select(func.count()).where(Transaction.reference == typed["reference"])
    assert db.session.scalar(count) == 1
    with other.app_context():
        db.engine.dispose()


def test_what_was_never_sent_to_the_database_was_not_saved(relay: Relay, program: Program):
    relay.freeze()
    body = payment()
    cut = program.post("/transactions", body)
    assert cut.status_code == 503
    assert "No se guardó nada" in cut.get_json()["detail"]
    assert stored(body["transaction_id"]) == 0


def test_a_page_that_had_begun_is_an_error_page_and_no_fault(
    app: Flask, cast: Cast, relay: Relay, tmp_path: Path
):
    """Who asks is known by then, and the page's menu would count in the database."""
    other = other_app(relay.url, tmp_path)
    browser = Browser(other).sign_in(cast.supervisor)
    relay.freeze_after(b"FROM transaction")
    page = browser.get("/transactions").insist()
    assert page.status == 503
    assert "no tiene conexión con su base de datos" in page.text
    relay.thaw()
    with other.app_context():
        db.engine.dispose()


def stored(transaction_id: str) -> int:
    count = select(func.count()).where(Transaction.transaction_id == transaction_id)
    return db.session.scalar(count) or 0


def works(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(text("SELECT 1")))
    except OperationalError:
        return False
