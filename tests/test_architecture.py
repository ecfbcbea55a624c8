"""Imports run one way (docs/architecture.md): the contracts of pyproject.toml hold, and notice what would break them."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from webapp.kernel.config import PROJECT_ROOT

CONTRACTS = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
PLANTED = [
    ("house", "accounts/service.py", "from webapp.transactions import queries"),
    ("house", "banking/calls.py", "from webapp.accounts.models import User"),
    ("house", "reports/queries.py", "from webapp.api.strict_model import Body"),
    ("house", "kernel/money.py", "from webapp import cli"),
    ("house", "web/health.py", "from webapp.transactions import queries"),
    ("house", "transactions/checking.py", "from webapp.development import demo"),
    ("house", "drawer.py", "import json"),
    ("no-circles", "kernel/clock.py", "def later():\n    from webapp.kernel import formatting"),
    ("kernel-knows-no-web", "kernel/errors.py", "from flask import request"),
    ("kernel-knows-no-web", "kernel/i18n.py", "import flask_babel"),
    ("services-know-no-web", "transactions/service.py", "from flask_login import current_user"),
    ("services-know-no-web", "webhooks/outbox.py", "from webapp.web.guard import actor"),
    ("pure", "transactions/matching.py", "from sqlalchemy import select"),
    ("pure", "webhooks/signing.py", "import requests"),
    ("pages-are-private", "api/transactions/routes.py", "from webapp.transactions.forms import FilterForm"),
    ("pages-are-private", "reports/views.py", "from webapp.transactions.views import show"),
    ("sandbox-is-a-stranger", "banking/sandbox/bank.py", "from webapp.banking.gateway import Claim"),
    ("inside-accounts", "accounts/models.py", "from webapp.accounts.service import create_user"),
    ("inside-banking", "banking/gateway.py", "from webapp.banking.models import BankCall"),
    ("inside-certification", "banking/certification/cases.py", "from webapp.banking.certification import run"),
    ("inside-sandbox", "banking/sandbox/store.py", "from webapp.banking.sandbox.bank import Bank"),
    ("inside-postgres", "development/postgres/running.py", "from webapp.development.postgres import cluster"),
    ("inside-webhooks", "webhooks/models.py", "from webapp.webhooks.service import register"),
    ("inside-transactions", "transactions/models.py", "from webapp.transactions.service import log"),
    ("inside-transactions", "transactions/drawer.py", "import json"),
    ("inside-api", "api/tokens.py", "from webapp.api.transactions import routes"),
    ("inside-api", "api/users/schemas.py", "from webapp.api.webhooks.schemas import WebhookOut"),
    ("inside-resources", "api/users/schemas.py", "from webapp.api.users.routes import list_users"),
    ("routes-are-private", "api/users/routes.py", "from webapp.api.transactions.routes import create"),
]  # fmt: skip


def test_the_imports_of_the_product_run_one_way():
    assert broken_contracts(PROJECT_ROOT) == ""


@pytest.mark.parametrize(("contract", "file", "line"), PLANTED)
def test_a_planted_violation_breaks_its_contract(
    tmp_path: Path, contract: str, file: str, line: str
):
    shutil.copy(PROJECT_ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(
        PROJECT_ROOT / "webapp", tmp_path / "webapp", ignore=shutil.ignore_patterns("__pycache__")
    )
    planted = tmp_path / "webapp" / file
    before = planted.read_text() if planted.exists() else ""
    planted.write_text(f"{before}\n{line}\n")
    assert broken_contracts(tmp_path, only=contract)


def test_every_contract_has_a_planted_violation():
    assert {contract for contract, _file, _line in PLANTED} == {one["id"] for one in CONTRACTS}


def test_create_app_is_a_table_of_contents():
    tree = ast.parse((PROJECT_ROOT / "webapp" / "__init__.py").read_text())
    (create_app,) = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "create_app"
    ]
    assert create_app.end_lineno
    assert create_app.end_lineno - create_app.lineno < 100


def broken_contracts(folder: Path, only: str | None = None) -> str:
    """Return what import-linter says of the contracts of a folder, empty where all are kept."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    run = subprocess.run(
        [*command, *(["--contract", only] if only else [])],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return "" if run.returncode == 0 else run.stdout + run.stderr
