"""Every code of a refusal is documented in docs/api-errors.md, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from flask import Flask

from webapp.api import request_bodies
from webapp.kernel.config import PROJECT_ROOT
from webapp.transactions.identifiers import Problem
from webapp.web.error_pages import HTTP_CODES

DOCUMENT = PROJECT_ROOT / "docs" / "api-errors.md"
ELSEWHERE = ("banking", "development")
"""Their codes are the bank's, or nobody's."""
REFUSALS = re.compile(r"[a-z][a-z_]+", re.ASCII)


def documented(heading: str) -> set[str]:
    """Return the codes in the first column of the table under a heading."""
    section = DOCUMENT.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([a-z_]+)`", row)}


def in_source() -> Iterator[str]:
    """Find every `code=...` of a call, and every `code = ...` of a class."""
    for path in sorted((PROJECT_ROOT / "webapp").rglob("*.py")):
        if path.relative_to(PROJECT_ROOT / "webapp").parts[0] in ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield from (_text(k.value) for k in node.keywords if k.arg == "code")
            elif isinstance(node, ast.ClassDef):
                yield from (
                    _text(line.value)
                    for line in node.body
                    if isinstance(line, ast.Assign) and _named(line, "code")
                )


def _named(line: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in line.targets)


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def field_codes() -> Iterator[str]:
    """Find the codes that wrong_parameter, FieldProblem and pydantic's mistakes bring."""
    for path in sorted((PROJECT_ROOT / "webapp").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = {"FieldProblem": 2, "wrong_parameter": 2}.get(node.func.id)
                if place is not None and len(node.args) > place:
                    yield _text(node.args[place])
    yield from Problem
    tree = ast.parse((PROJECT_ROOT / "webapp/api/request_bodies.py").read_text())
    kinds = [key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys]
    for kind in kinds:
        yield request_bodies.code_and_sentence(_text(kind), "")[0] if kind is not None else ""
    yield from ("amount", "invalid")


def test_every_code_is_documented_and_no_other(app: Flask):
    used = {code for code in in_source() if REFUSALS.fullmatch(code)} | set(HTTP_CODES.values())
    assert used
    assert used == documented("Codes")


def test_every_code_of_a_field_is_documented_and_no_other(app: Flask):
    with app.test_request_context():
        used = {code for code in field_codes() if code}
    assert used == documented("Codes inside `errors`")
