"""How the suite runs: side by side, on a real PostgreSQL, with the network closed but for loopback."""

from __future__ import annotations

import pytest

from tests.support.parallel import (  # noqa: F401 - pytest finds its hooks here
    hands_out,
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
    take_own_redis,
)
from tests.support.uncovered import pytest_runtest_call  # noqa: F401 - another hook


def pytest_configure() -> None:
    """Give this process what no other one uses."""
    take_own_redis()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Load the fixtures, and with them the product, but not where tests are only handed out.

    It comes last, as coverage begins at the same moment and shall see the product being loaded.
    """
    if not hands_out(session.config):
        session.config.pluginmanager.import_plugin("tests.fixtures")
