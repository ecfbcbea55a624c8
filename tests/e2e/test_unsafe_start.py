"""Production with an unsafe setting: no command starts, and one line says which setting it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.outage import closed_port
from tests.test_config import PRODUCTION
from webapp.kernel.config import PROJECT_ROOT

pytestmark = pytest.mark.processes

SECONDS = 180
"""Within which a command that cannot start ends by itself, on a busy machine too."""


def start(command: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the product in production until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT_ROOT,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "FLASK_APP": "wsgi",
            **PRODUCTION,
            "PORT": str(closed_port()),
            **settings,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("command", ["flask worker", "flask db upgrade", "flask users --help"])
def test_a_command_ends_with_one_line(command: str):
    done = start(command.split(), SECRET_KEY="a" * 16)
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith("Cannot start: SECRET_KEY is too short")
    assert done.stderr.count("\n") == 1


def test_the_web_server_ends_instead_of_starting_its_workers_again_and_again():
    done = start(["gunicorn", "wsgi:app"], DEBUG="true")
    assert done.returncode != 0
    lines = {line for line in done.stderr.splitlines() if "[INFO]" not in line}
    assert "Cannot start: DEBUG is refused: production does not run in debug mode." in lines
