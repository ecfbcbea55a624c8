"""What the documents say of settings, permissions and commands is what there is."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest

from webapp.kernel.config import PROJECT_ROOT, Settings
from webapp.kernel.permissions import Permission

EXAMPLE = PROJECT_ROOT / ".env.example"
LINE = re.compile(r"([A-Z_]+)=(.*)")


def example() -> dict[str, str]:
    """The variables of `.env.example` with their values."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), "a line is neither a comment nor NAME=value"
    return {match[1]: match[2] for match in found if match}


def document(name: str) -> str:
    return (PROJECT_ROOT / name).read_text()


def test_every_setting_stands_in_the_example_and_nothing_else():
    assert set(example()) == set(Settings.variables())


def test_the_example_runs_as_it_stands(tmp_path: Path):
    settings = Settings.from_environment({**example(), "DATA_DIR": str(tmp_path)})
    assert settings.environment == "development"


def test_the_example_shows_the_defaults():
    for name, value in example().items():
        default = Settings.variables()[name].default
        if value:
            shown = default.value if isinstance(default, Enum) else default
            shown = ",".join(map(str, shown)) if isinstance(shown, tuple) else shown
            assert value == (str(shown).lower() if isinstance(shown, bool) else str(shown)), name


def test_the_example_holds_no_secret():
    secret = re.compile(r"SECRET|PASSWORD|CLIENT_ID|_URL$|KEY$")
    assert {name: value for name, value in example().items() if secret.search(name) and value} == {}


@pytest.mark.parametrize("name", sorted(Settings.variables()))
def test_every_setting_is_explained_for_operators(name: str):
    assert f"`{name}`" in document("docs/operations.md")


@pytest.mark.parametrize("permission", list(Permission))
def test_every_permission_is_explained(permission: Permission):
    assert f"`{permission.value}`" in document("docs/security.md")


def test_the_commands_of_the_readme_exist():
    named = set(re.findall(r"\bmake ([a-z]+)\b", re.sub(r"`make`", "", document("README.md"))))
    targets = set(re.findall(r"^([a-z]+):", (PROJECT_ROOT / "Makefile").read_text(), re.M))
    assert {"run", "test"} <= named
    code = set(
        re.findall(r"(?m)(?:`|^\s*(?:\$ )?)(?:[A-Z_]+=\S+ )*make ([a-z]+)", document("README.md"))
    )
    assert code <= targets


def test_the_documents_that_the_readme_links_to_exist():
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document("README.md"))
    assert [link for link in links if not (PROJECT_ROOT / link).exists()] == []
