"""What a web process loads: nothing that only a command needs, for each megabyte is there once a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from flask import Flask

from webapp.cli import COMMANDS
from webapp.kernel.config import PROJECT_ROOT

ONLY_FOR_COMMANDS = {
    "alembic": "migrations",
    "flask_migrate": "migrations",
    "mako": "migrations",
    "webapp.banking.certification": "the certification",
    "webapp.banking.sandbox": "the sandbox",
    "webapp.development.demo": "demo data",
    "webapp.transactions.worker": "the worker",
    "yaml": "the certification",
}
NOT_SET_UP = {"redis": "limits in PostgreSQL", "rich": "no terminal", "sentry_sdk": "no collector"}


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """What `wsgi` has loaded, in a process of its own, where Redis and Sentry are not set up."""
    shown = subprocess.run(
        [sys.executable, "-c", "import json, sys, wsgi; print(json.dumps(list(sys.modules)))"],
        cwd=PROJECT_ROOT,
        env={
            "PATH": os.defpath,
            "ENVIRONMENT": "development",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "REDIS_URL": "",
            "SENTRY_DSN": "",
        },
        capture_output=True,
        check=True,
    )
    return set(json.loads(shown.stdout))


@pytest.mark.parametrize("module", [*ONLY_FOR_COMMANDS, *NOT_SET_UP])
def test_a_web_process_does_not_load(loaded: set[str], module: str):
    assert module not in loaded


@pytest.mark.parametrize("name", COMMANDS)
def test_every_named_command_can_be_run(app: Flask, name: str):
    shown = app.test_cli_runner().invoke(args=[name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert "Usage:" in shown.output
