"""`flask worker` told to stop while the bank hangs: it ends in time, and the next one takes over what it had begun."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from tests.e2e.processes import Processes, wait_until
from tests.support.databases import DatabaseMaker
from webapp.transactions.worker import GRACE_SECONDS

pytestmark = pytest.mark.processes

REFERENCE = "100124000"
"""A demo payment that the sandbox verifies."""
TIMEOUT_SECONDS = 5
"""Longer than the worker's grace: the question is still without an answer when the worker ends."""
LEASE_SECONDS = TIMEOUT_SECONDS * 2 + 30
"""After which a claim ends by itself."""


@pytest.fixture
def database(new_database: DatabaseMaker) -> str:
    return new_database()


@pytest.fixture
def processes(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Worker and sandbox only, of this test alone: it stops them."""
    settings = {"BANESCO_TIMEOUT": str(TIMEOUT_SECONDS)}
    folder = tmp_path_factory.mktemp("worker")
    running = Processes(database_url=database, folder=folder, settings=settings)
    try:
        yield running
    finally:
        running.stop()


def test_a_worker_that_is_stopped_while_the_bank_hangs_ends_in_time_and_loses_nothing(
    processes: Processes, database: str
) -> None:
    processes.migrate()
    processes.start_bank()
    processes.bank.fail("hang", prefix=REFERENCE)
    processes.add_demo_data()
    processes.start_worker()
    wait_until(
        lambda: processes.bank.calls(REFERENCE),
        seconds=30,
        describe="the worker asks about the payment whose answer hangs",
        every=0.05,
    )
    begun = time.monotonic()
    assert processes.stop_worker() == 0
    assert time.monotonic() - begun < GRACE_SECONDS + 3
    assert "worker_stopped" in processes.log("worker")
    assert "Traceback" not in processes.log("worker"), processes.log("worker")[-3000:]
    assert standing(database) == ("IN_PROGRESS", True)

    processes.bank.mend()
    processes.start_worker("next")
    wait_until(
        lambda: len(processes.bank.calls(REFERENCE)) == 2,
        seconds=LEASE_SECONDS + 10,
        describe="the next worker asks again once the claim ended by itself",
    )
    wait_until(
        lambda: standing(database) == ("COMPLETED", False),
        seconds=5,
        describe="the answer is recorded",
    )


def standing(database: str) -> tuple[str, bool]:
    """The payment's status, and whether somebody holds the right to ask about it."""
    engine = create_engine(database)
    query = text(
        "SELECT status::text, coalesce(checking_until > now(), false) FROM transactions"
        " WHERE reference = :reference"
    )
    try:
        with engine.connect() as connection:
            status, claimed = connection.execute(query, {"reference": REFERENCE}).one()
            return status, claimed
    finally:
        engine.dispose()
