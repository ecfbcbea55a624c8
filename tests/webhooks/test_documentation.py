"""docs/webhooks.md is true, and its examples run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from webapp.kernel.config import PROJECT_ROOT
from webapp.webhooks import retry_schedule, service, signing
from webapp.webhooks.events import TEST_EVENT, DeliveryState, DisabledReason, EventType, Failure

TEXT = (PROJECT_ROOT / "docs" / "webhooks.md").read_text()
BODY = b'{"type":"transaction.completed","data":{"reference":"\xc3\xb1"}}'


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.S)
    assert found
    return found[1]


def signed(*secrets: str, at: float | None = None) -> dict[str, str]:
    return signing.headers(
        message_id="m-1",
        timestamp=int(at or time.time()),
        body=BODY,
        signing_secrets=secrets,
    )


@pytest.mark.parametrize(
    "word", [TEST_EVENT, *EventType, *DeliveryState, *Failure, DisabledReason.GONE]
)
def test_every_value_of_the_api_is_explained(word: str) -> None:
    assert f"`{word}`" in TEXT


def test_the_documented_waits_are_those_of_the_schedule() -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith("| next after"))
    unit = {"s": "seconds", "min": "minutes", "h": "hours"}
    told = re.findall(r"(\d+) (s|min|h)\b", row)
    waits = [
        {"seconds": 1, "minutes": 60, "hours": 3600}[unit[name]] * int(number)
        for number, name in told
    ]
    assert waits == [int(delay.total_seconds()) for delay in retry_schedule.DELAYS]
    assert f"at most {service.MAX_ENDPOINTS} webhooks" in TEXT
    assert f"for {service.RETENTION.days} days" in TEXT


def test_the_example_in_python_tells_genuine_messages_from_others() -> None:
    space: dict[str, Any] = {}
    exec(example("python"), space)  # noqa: S102 - it is our own document
    is_genuine = space["is_genuine"]
    ours, other = signing.new_secret(), signing.new_secret()
    assert is_genuine(ours, signed(ours), BODY)
    assert is_genuine(ours, signed(other, ours), BODY)
    assert not is_genuine(ours, signed(other), BODY)
    assert not is_genuine(ours, signed(ours), BODY + b" ")
    assert not is_genuine(ours, signed(ours, at=time.time() - 400), BODY)


def test_the_shell_example_prints_the_signature(tmp_path: Path) -> None:
    if not shutil.which("openssl") or not shutil.which("bash"):
        pytest.skip("the example needs bash and openssl")
    secret = signing.new_secret()
    headers = signed(secret)
    (tmp_path / "body.json").write_bytes(BODY)
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET": secret,
        "WEBHOOK_ID": headers["webhook-id"],
        "WEBHOOK_TIMESTAMP": headers["webhook-timestamp"],
    }
    printed = subprocess.run(
        ["bash", "-c", example("bash")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    assert f"v1,{printed.stdout.strip()}" == headers["webhook-signature"]
