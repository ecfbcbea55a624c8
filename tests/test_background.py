"""Work that nobody waits for: bounded, and never failing in silence."""

from __future__ import annotations

import threading

import pytest
from flask import Flask, current_app

from tests.support.background import settle
from tests.support.logs import watched
from webapp.kernel.background import BoundedPool, Pace


def test_more_work_than_places_is_refused_and_never_queued() -> None:
    app, pool, gate = Flask(__name__), BoundedPool(size=2), threading.Event()
    running = [pool.submit(app.app_context, gate.wait, 10) for _ in range(2)]
    assert all(running)
    assert pool.submit(app.app_context, gate.wait, 10) is None
    gate.set()
    for work in running:
        assert work is not None and work.result(10)
    again = pool.submit(app.app_context, lambda: current_app.name)
    assert again is not None and again.result(10) == app.name


def test_failed_work_is_logged_and_frees_its_place(app: Flask) -> None:
    pool = BoundedPool(size=1)

    def fail() -> None:
        raise RuntimeError("0414-1234567")

    with watched() as lines:
        for _ in range(2):
            work = pool.submit(app.app_context, fail)
            assert work is not None
            with pytest.raises(RuntimeError):
                work.result(10)
            settle(pool)
    assert len(lines.entries("background_failed")) == 2
    assert "0414-1234567" not in lines.text


class TestPace:
    def test_a_few_turns_are_given_at_once_then_so_many_a_second(self) -> None:
        moment = 100.0
        pace = Pace(per_second=2, at_once=3, now=lambda: moment)
        assert [pace.take() for _ in range(5)] == [True, True, True, False, False]
        moment += 0.4
        assert not pace.take()
        moment += 0.1
        assert [pace.take(), pace.take()] == [True, False]

    def test_a_long_rest_saves_no_more_turns_than_are_given_at_once(self) -> None:
        moment = 100.0
        pace = Pace(per_second=2, at_once=3, now=lambda: moment)
        moment += 3600
        assert sum(pace.take() for _ in range(10)) == 3

    def test_a_pause_gives_no_turn_until_it_ends(self) -> None:
        moment = 100.0
        pace = Pace(per_second=2, at_once=3, now=lambda: moment)
        pace.pause(1.0)
        assert not pace.take()
        moment += 1.0
        assert pace.take()
