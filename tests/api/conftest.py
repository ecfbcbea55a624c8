"""Programs that use the API."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.support.bank import FakeGateway
from tests.support.people import Cast
from tests.support.programs import Program


@pytest.fixture
def stranger(app: Flask) -> Program:
    """A program without a token."""
    return Program(app)


@pytest.fixture
def integrator(app: Flask, cast: Cast, bank: FakeGateway) -> Program:
    """The clinic's own system."""
    return Program(app, cast.integrator)


@pytest.fixture
def cashier_program(app: Flask, cast: Cast, bank: FakeGateway) -> Program:
    """A script with the cashier's token."""
    return Program(app, cast.cashier)


@pytest.fixture
def supervisor_program(app: Flask, cast: Cast, bank: FakeGateway) -> Program:
    """A script with the supervisor's token."""
    return Program(app, cast.supervisor)
