"""One set of real processes for all end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.processes import Processes
from tests.e2e.visitor import Visitor
from tests.support.databases import DatabaseMaker


@pytest.fixture(scope="session")
def processes(
    new_database: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    """Run web, worker and sandbox."""
    running = Processes(database_url=new_database(), folder=tmp_path_factory.mktemp("processes"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def visitor(processes: Processes) -> Any:
    """Return what signs one of the demo people in: `visitor("cajera")`."""
    return lambda who: Visitor(processes.web_url, f"{who}@demo.test")


@pytest.fixture(scope="session")
def cashier(visitor: Any) -> Visitor:
    signed_in: Visitor = visitor("cajera")
    return signed_in


@pytest.fixture(scope="session")
def other_cashier(visitor: Any) -> Visitor:
    signed_in: Visitor = visitor("cajero")
    return signed_in


@pytest.fixture(scope="session")
def supervisor(visitor: Any) -> Visitor:
    signed_in: Visitor = visitor("supervisora")
    return signed_in


@pytest.fixture(scope="session")
def admin(visitor: Any) -> Visitor:
    signed_in: Visitor = visitor("admin")
    return signed_in
