"""Imports run one way (docs/architecture.md), and a planted violation turns this red."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.kernel.config import PROJECT_ROOT

MAY_SEE: dict[str, set[str]] = {
    "accounts": set(),
    "banking": set(),
    "webhooks": {"accounts"},
    "transactions": {"accounts", "banking", "webhooks"},
    "reviews": {"accounts", "banking", "webhooks", "transactions"},
    "reports": {"accounts", "banking", "webhooks", "transactions", "reviews"},
    "api": {"accounts", "banking", "webhooks", "transactions", "reviews", "reports"},
}
ASSEMBLY = {"__init__", "models", "cli"}
"""Files at the root that gather the features; `development` does so as a folder."""
FREE_OF_FEATURES = {"lifeline", "postgres", "environment"}
"""Files of `development` that see no feature, so that others may use the first two."""
LIFELINE_USERS = {"cli", "worker"}
LAYERS = {
    "identifiers": 0,
    "lifecycle": 0,
    "matching": 0,
    "movements": 0,
    "gateway": 0,
    "events": 0,
    "signing": 0,
    "schedule": 0,
    "addresses": 0,
    "sending": 1,
    "wording": 1,
    "models": 2,
    "queries": 3,
    "details": 3,
    "announcing": 3,
    "rules": 4,
    "moves": 4,
    "paying": 4,
    "outbox": 4,
    "trail": 4,
    "answers": 5,
    "service": 5,
    "api_keys": 5,
    "changes": 6,
    "presenting": 6,
    "checking": 6,
    "delivery": 6,
    "forms": 6,
    "signin": 6,
    "views": 7,
    "admin_views": 7,
    "worker": 7,
    "cli": 8,
}
"""Inside a feature a file imports only files of lower layers (and, among the pure ones, its equals)."""
PURE = {
    "identifiers",
    "lifecycle",
    "matching",
    "movements",
    "gateway",
    "events",
    "signing",
    "schedule",
}
WEB = ("flask", "flask_login", "flask_wtf", "flask_sqlalchemy", "htmx_flask", "wtforms", "werkzeug")
KNOW_FLASK = {"forms", "views", "admin_views", "cli", "worker", "signin"}


def test_the_imports_of_the_product_run_one_way():
    assert violations(PROJECT_ROOT / "webapp") == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("accounts/service.py", "from webapp.transactions import queries"),
        ("accounts/service.py", "import webapp.banking.gateway"),
        ("banking/calls.py", "from webapp.accounts.models import User"),
        ("webhooks/outbox.py", "from webapp.transactions.models import Transaction"),
        ("webhooks/sending.py", "from webapp.banking.http import Reply"),
        ("transactions/queries.py", "from webapp.reviews import views"),
        ("reviews/views.py", "from webapp.reports import queries"),
        ("reports/queries.py", "from webapp.api.schemas import Body"),
        ("money.py", "from webapp.transactions import identifiers"),
        ("money.py", "from webapp import transactions"),
        ("money.py", "from webapp import cli"),
        ("transactions/service.py", "from webapp.transactions import views"),
        ("transactions/models.py", "from webapp.transactions.service import log"),
        ("transactions/queries.py", "from flask import request"),
        ("transactions/service.py", "from flask_login import current_user"),
        ("transactions/matching.py", "from sqlalchemy import select"),
        ("transactions/checking.py", "from webapp.development import demo"),
        ("transactions/views.py", "from webapp.development.lifeline import VARIABLE"),
        ("transactions/views.py", "from . import queries"),
        ("transactions/views.py", "def later():\n    from webapp.api import auth"),
        ("development/postgres.py", "from webapp.accounts import service"),
        ("transactions/drawer.py", "import json"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, line: str):
    planted = tmp_path / "webapp" / file
    planted.parent.mkdir(parents=True)
    planted.write_text(f"{line}\n")
    assert len(violations(tmp_path / "webapp")) == 1


def test_an_honest_tree_is_left_alone(tmp_path: Path):
    honest = {
        "__init__.py": "from webapp.api import views",
        "cli.py": "from webapp.development import demo",
        "money.py": "from webapp import clock",
        "transactions/service.py": "from webapp.transactions import matching, queries",
        "transactions/views.py": "from flask import request\nfrom webapp.accounts import queries",
        "transactions/worker.py": "from webapp.development.lifeline import VARIABLE",
    }
    for name, text in honest.items():
        path = tmp_path / "webapp" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert violations(tmp_path / "webapp") == []


def test_create_app_is_a_table_of_contents():
    tree = ast.parse((PROJECT_ROOT / "webapp" / "__init__.py").read_text())
    (create_app,) = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "create_app"
    ]
    assert create_app.end_lineno
    assert create_app.end_lineno - create_app.lineno < 100


def violations(webapp: Path) -> list[str]:
    """Every import that breaks the order, as `file: what`."""
    return [
        f"{path.relative_to(webapp)}: {problem}"
        for path in sorted(webapp.rglob("*.py"))
        for problem in _problems(path.relative_to(webapp))
        + [found for name in _imports(path) for found in _judge(path.relative_to(webapp), name)]
    ]


def _imports(path: Path) -> Iterator[str]:
    """Dotted names of everything imported, anywhere in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _problems(file: Path) -> list[str]:
    """A file with a name of its own says where it stands, or the order means nothing."""
    ordered = {"accounts", "webhooks", "transactions", "reviews", "reports"}
    known = file.parts[0] not in ordered or file.stem in {*LAYERS, "__init__", "passwords"}
    return [] if known else ["has no place in LAYERS"]


def _judge(file: Path, name: str) -> list[str]:
    if name.startswith("."):
        return ["imports relatively"]
    parts = name.split(".")
    if parts[0] != "webapp":
        return _judge_foreign(file, parts[0])
    if len(parts) < 2:
        return [f"imports {name}"]
    home, target = file.parts[0] if len(file.parts) > 1 else None, parts[1]
    if home is None:
        kernel = file.stem not in ASSEMBLY
        return [f"imports {name}"] if kernel and _is_above_kernel(target) else []
    if home == "development":
        bare = file.stem in FREE_OF_FEATURES
        return [f"imports {name}"] if bare and _is_above_kernel(target, "development") else []
    if target == "development":
        allowed = parts[2:3] in (["lifeline"], ["postgres"]) and file.stem in LIFELINE_USERS
        return [] if allowed else [f"imports {name}"]
    if target == home:
        return _judge_inside(file, parts)
    if target in ASSEMBLY or (target in MAY_SEE and target not in MAY_SEE[home]):
        return [f"imports {name}"]
    return []


def _is_above_kernel(target: str, *own: str) -> bool:
    return (target in MAY_SEE or target in ASSEMBLY or target == "development") and (
        target not in own
    )


def _judge_inside(file: Path, parts: list[str]) -> list[str]:
    if len(file.parts) > 2 or len(parts) < 3:
        return []
    above, below = LAYERS.get(file.stem), LAYERS.get(parts[2])
    if above is None or below is None or below < above:
        return []
    if file.stem in PURE and parts[2] in PURE:
        return []
    return [f"imports {'.'.join(parts)}"]


def _judge_foreign(file: Path, package: str) -> list[str]:
    home = file.parts[0] if len(file.parts) > 1 else None
    if home is None or home in ("api", "development"):
        return []
    if file.stem in PURE and package in (*WEB, "sqlalchemy", "requests"):
        return [f"is pure and imports {package}"]
    knows = file.stem in KNOW_FLASK or file.parts[:2] == ("banking", "sandbox")
    return [f"imports {package}"] if package in WEB and not knows else []
