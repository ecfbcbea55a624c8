"""The commands of docs/api.md, run as they stand against the real processes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import Processes
from webapp.kernel.config import PROJECT_ROOT

pytestmark = pytest.mark.processes

GUIDE = PROJECT_ROOT / "docs" / "api.md"
MAKE_RUN = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    """The fenced blocks of the guide in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def run(command: list[str], script: str, processes: Processes, folder: Path) -> str:
    """Run a script against our own web; returns what it printed."""
    assert MAKE_RUN in script
    done = subprocess.run(
        command,
        input=script.replace(MAKE_RUN, processes.web_url),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_curl_commands_lead_to_a_verified_payment(processes: Processes, tmp_path: Path) -> None:
    for program in ("curl", "bash", "python3"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    script = "set -eu\n" + 'printf "\\n--\\n"\n'.join(blocks("sh"))
    signing_in, logging, asking, reading, leaving = run(
        ["bash"], script, processes, tmp_path
    ).split("\n--\n")
    assert json.loads(signing_in)["email"] == "integrador@demo.test"
    logged = json.loads(logging)
    assert (logged["transaction_id"], logged["status"]) == ("HIS-CURL-100310000", "IN_PROGRESS")
    assert asking == "COMPLETED\n"
    amount, rest = reading.split("\n", 1)
    trail, end = json.JSONDecoder().raw_decode(rest)
    assert amount == "3100.00"
    statuses = [event["new_status"] for event in trail["items"]]
    assert statuses == ["IN_PROGRESS", "COMPLETED"]
    assert int(rest[end:]) >= 1
    assert leaving == "204\n"


def test_the_python_program_prints_what_the_guide_says(
    processes: Processes, tmp_path: Path
) -> None:
    printed = run([sys.executable, "-"], "\n".join(blocks("python")), processes, tmp_path)
    assert printed == "".join(blocks("text"))


def test_the_example_of_an_error_is_json(processes: Processes) -> None:
    (example,) = blocks("json")
    assert json.loads(example)["code"] == "invalid"
