"""Tests marked `no_cover` run without coverage's tracer, which would slow them several times over.

pytest-cov has the mark, but in a worker of pytest-xdist it stops only the second of the two measurements it has begun there.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest
from coverage import Coverage


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Stop every measurement for as long as a marked test runs."""
    stopped: list[Coverage] = []
    if item.get_closest_marker("no_cover"):
        while (running := Coverage.current()) is not None:
            running.stop()
            stopped.append(running)
    try:
        return (yield)
    finally:
        for measurement in reversed(stopped):
            measurement.start()
