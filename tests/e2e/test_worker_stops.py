"""`flask worker` told to stop while the bank hangs: it ends in time, and the next one takes over what it had begun."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.e2e.processes import STOP_SECONDS, Processes, wait_until
from tests.support.databases import DatabaseMaker
from webapp.transactions.worker import GRACE_SECONDS

pytestmark = pytest.mark.processes

REFERENCE = "100124000"
"""A demo payment that the sandbox verifies."""
TIMEOUT_SECONDS = 60
"""Longer than the worker may take to end: the question is still without an answer then."""


@pytest.fixture
def processes(
    new_database: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    """Worker and sandbox of this test alone, which stops them."""
    settings = {"BANESCO_TIMEOUT": str(TIMEOUT_SECONDS)}
    folder = tmp_path_factory.mktemp("worker")
    running = Processes(database_url=new_database(), folder=folder, settings=settings)
    try:
        yield running
    finally:
        running.stop()


def test_a_worker_that_is_stopped_while_the_bank_hangs_ends_in_time_and_loses_nothing(
    processes: Processes,
) -> None:
    assert GRACE_SECONDS < STOP_SECONDS < TIMEOUT_SECONDS
    processes.migrate()
    processes.start_bank()
    processes.bank.fail("hang", prefix=REFERENCE)
    processes.add_demo_data()
    processes.start_worker()
    wait_until(
        lambda: processes.bank.calls(REFERENCE),
        seconds=60,
        describe="the worker asks about the payment whose answer hangs",
        every=0.05,
    )
    assert processes.stop_worker() == 0  # By itself, within STOP_SECONDS.
    assert "worker_stopped" in processes.log("worker")
    assert "Traceback" not in processes.log("worker"), processes.log("worker")[-3000:]
    assert standing(processes) == ("IN_PROGRESS", True)

    processes.bank.mend()
    processes.let_time_pass(processes.lease_seconds)
    assert standing(processes) == ("IN_PROGRESS", False)
    processes.start_worker("next")
    wait_until(
        lambda: len(processes.bank.calls(REFERENCE)) == 2,
        seconds=60,
        describe="the next worker asks again once the claim ended by itself",
    )
    wait_until(
        lambda: standing(processes) == ("COMPLETED", False),
        seconds=30,
        describe="the answer is recorded",
    )


def standing(processes: Processes) -> tuple[str, bool]:
    """Return the payment's status, and whether a worker holds its lease."""
    query = text(
        "SELECT status::text, coalesce(checking_until > now(), false) FROM transactions"
        " WHERE reference = :reference"
    )
    with processes.database.connect() as connection:
        status, claimed = connection.execute(query, {"reference": REFERENCE}).one()
        return status, claimed
