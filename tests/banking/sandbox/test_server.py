"""The server itself: one hanging call holds up nobody, and it stops when told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from tests.banking.sandbox.conftest import Customer
from webapp.banking.sandbox.cli import sandbox as command
from webapp.banking.sandbox.clock import Pauses
from webapp.banking.sandbox.failures import Failure, Mode
from webapp.banking.sandbox.server import SandboxServer
from webapp.banking.sandbox.settings import SandboxSettings

pytestmark = pytest.mark.enable_socket

ROOT = Path(__file__).resolve().parents[3]
HANG_SECONDS = 120
RELEASED_SECONDS = 25
"""Within which a call ends that was let go, on a busy machine too: much sooner than by itself."""


def test_hanging_calls_hold_up_no_other_and_end_when_the_bank_recovers() -> None:
    with SandboxServer(settings=SandboxSettings(hang_seconds=HANG_SECONDS)) as server:
        customer = Customer(server)
        server.bank.failures.add(Failure(Mode.HANG, calls="tokens"))
        with ThreadPoolExecutor(30) as pool:
            hanging = [pool.submit(customer.token) for _ in range(30)]
            wait_for_calls(server, 30)
            assert customer.ask("100124000", {}).status_code == 401
            assert not any(call.done() for call in hanging)
            server.bank.recover()
            for call in hanging:
                assert isinstance(call.exception(RELEASED_SECONDS), requests.ConnectionError)
        assert customer.token().status_code == 200


def test_leaving_the_context_ends_hanging_calls() -> None:
    with ThreadPoolExecutor(1) as pool:
        with SandboxServer() as server:
            hanging = pool.submit(Customer(server).ask, "900124000")
            wait_for_calls(server, 2)
        assert isinstance(hanging.exception(), requests.ConnectionError)
    with pytest.raises(requests.ConnectionError):
        requests.get(server.base_url, timeout=1)


def test_nothing_waits_once_the_pauses_are_closed() -> None:
    pauses = Pauses()
    pauses.close()
    assert pauses.wait(60)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_and_stops_at_once_while_a_call_hangs(stop: signal.Signals) -> None:
    program = "from webapp.banking.sandbox.cli import sandbox; sandbox()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "--port", "0"],
        cwd=ROOT,
        env=os.environ
        | {
            "ENVIRONMENT": "development",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SANDBOX_HANG_SECONDS": str(HANG_SECONDS),
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as hanging:
                requests.post(f"{address}/admin/failures", json={"mode": "hang"}, timeout=30)
                hanging.sendall(b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\n\r\n")
                while not requests.get(f"{address}/admin/calls", timeout=30).json()["calls"]:
                    time.sleep(0.02)
                process.send_signal(stop)
                assert process.wait(RELEASED_SECONDS) == 0
        finally:
            process.kill()


def test_the_command_refuses_to_start_in_production() -> None:
    result = CliRunner().invoke(command, env={"ENVIRONMENT": "production"})
    assert result.exit_code == 1
    assert "production" in result.output
    assert result.output.count("\n") == 1


def test_a_taken_port_is_told_in_one_line(sandbox: SandboxServer) -> None:
    result = CliRunner().invoke(
        command, ["--port", str(sandbox.port)], env={"ENVIRONMENT": "development"}
    )
    assert result.exit_code == 1
    assert str(sandbox.port) in result.output
    assert result.output.count("\n") == 1


def test_a_wrong_setting_is_told_by_its_name() -> None:
    environment = {"ENVIRONMENT": "development", "SANDBOX_TOKEN_SECONDS": "soon"}
    result = CliRunner().invoke(command, ["--port", "0"], env=environment)
    assert result.exit_code == 1
    assert "SANDBOX_TOKEN_SECONDS" in result.output


def test_settings_come_from_the_environment() -> None:
    settings = SandboxSettings.from_environment(
        {
            "SANDBOX_TOKEN_SECONDS": "3600",
            "SANDBOX_PENDING_SECONDS": "1.5",
            "SANDBOX_APPEARS_SECONDS": "2",
            "SANDBOX_HANG_SECONDS": "",
        }
    )
    assert settings == SandboxSettings(token_seconds=3600, pending_seconds=1.5, appears_seconds=2)


def wait_for_calls(server: SandboxServer, number: int) -> None:
    ends = time.monotonic() + 30
    while len(server.calls()) < number:
        assert time.monotonic() < ends, "the calls did not reach the bank"
        time.sleep(0.01)
