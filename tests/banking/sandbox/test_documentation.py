"""What the sandbox can do stands in its documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.banking.sandbox.app import create_sandbox
from webapp.banking.sandbox.bank import Bank
from webapp.banking.sandbox.failures import Mode
from webapp.banking.sandbox.outcomes import FAMILIES
from webapp.banking.sandbox.tokens import CLIENTS, Client

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text()


@pytest.mark.parametrize("prefix", FAMILIES)
def test_every_family_is_documented(prefix: str) -> None:
    assert f"\n| {prefix} |" in DOCUMENT


@pytest.mark.parametrize("mode", Mode)
def test_every_failure_is_documented(mode: Mode) -> None:
    assert f"`{mode.value}`" in DOCUMENT


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_is_documented(client: Client) -> None:
    assert client.client_id in DOCUMENT


def test_every_endpoint_is_documented() -> None:
    rules = create_sandbox(Bank()).url_map.iter_rules()
    for path in {rule.rule for rule in rules if not rule.rule.startswith(("/play/", "/static/"))}:
        shown = path.replace("<int:movement_id>", "{id}").replace("<int:failure_id>", "{id}")
        assert f"{shown.replace('<key>', '{key}')}`" in DOCUMENT or path == "/", path
