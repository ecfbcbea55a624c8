"""How the tests are shared out among the worker processes of pytest-xdist.

Most files stay whole, so that what a module has prepared is prepared once, and the longest begin first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from xdist.scheduler import LoadScopeScheduling

PROJECT_ROOT = Path(__file__).parents[2]
LONGEST = (
    "tests/e2e/test_journey.py",
    "tests/e2e/test_browser.py",
    "tests/api/test_contract_fuzzing.py",
    "tests/e2e/test_worker_stops.py",
    "tests/development/test_launcher.py",
    "tests/transactions/test_freeing_a_movement.py",
)
"""They take many seconds, most of them waiting for processes."""
TOGETHER = {
    "tests/e2e/test_api_docs.py": "tests/e2e/test_browser.py",
    "tests/e2e/test_api_guide.py": "tests/e2e/test_browser.py",
    "tests/e2e/test_paste.py": "tests/e2e/test_browser.py",
}
"""Files that use the processes, or the Chromium, that another file has started."""
BY_PARAMETER = {"tests/api/test_contract_fuzzing.py"}
"""Files whose tests belong together where they have the same parameter, and are long in each."""
MOST_WORKERS = 8
"""More would need more connections than PostgreSQL allows, and more databases than Redis has."""


def _unit(nodeid: str) -> str:
    """Name the unit of work that a test belongs to, mostly its file."""
    file, _, test = nodeid.partition("::")
    if file in BY_PARAMETER:
        return f"{file}[{test.partition('[')[2]}"
    return TOGETHER.get(file, file)


def _place(nodeid: str) -> int:
    """Return the place of a test's unit among the longest, or one after all of them."""
    file = _unit(nodeid).partition("[")[0]
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


class Units(LoadScopeScheduling):
    """Hands out units of work in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return _unit(nodeid)


def hands_out(config: pytest.Config) -> bool:
    """Tell whether this process runs no test itself, but hands them out to workers."""
    return bool(config.option.numprocesses) and not hasattr(config, "workerinput")


def take_own_redis() -> None:
    """Give every worker a database of Redis, as tests empty theirs."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    redis = os.environ.get("TEST_REDIS_URL")
    if worker and redis:
        number = int(worker.removeprefix("gw")) + 1
        os.environ["TEST_REDIS_URL"] = urlsplit(redis)._replace(path=f"/{number}").geturl()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Units:
    """Choose the scheduler; --dist has no say."""
    config.option.loadscopereorder = False
    return Units(config, log)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Choose how many workers `-n auto` starts: one more than processors, as many tests wait."""
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first in every worker."""
    missing = [
        file for file in (*LONGEST, *TOGETHER, *BY_PARAMETER) if not (PROJECT_ROOT / file).is_file()
    ]
    if missing:
        raise pytest.UsageError(f"tests/support/parallel.py names files that are gone: {missing}")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _place(item.nodeid))
