"""Fixtures of the API: programs with tokens of the cast, and a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.support.bank import FakeGateway
from tests.support.people import Cast
from tests.support.programs import Program


@pytest.fixture
def stranger(app: Flask) -> Program:
    """Return a program without a token."""
    return Program(app)


@pytest.fixture
def integrator(app: Flask, cast: Cast, bank: FakeGateway) -> Program:
    """Return the program of the clinic's own system."""
    return Program(app, cast.integrator)


@pytest.fixture
def cashier_program(app: Flask, cast: Cast, bank: FakeGateway) -> Program:
    """Return a program with the cashier's token."""
    return Program(app, cast.cashier)


@pytest.fixture
def supervisor_program(app: Flask, cast: Cast, bank: FakeGateway) -> Program:
    """Return a program with the supervisor's token."""
    return Program(app, cast.supervisor)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Serve the application on a real socket in this process, so that its bank stays the test's own; return its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
