"""`make run`: what it refuses, and that nothing of it is left however it ends."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.development.test_postgres import is_served, wait_until
from webapp.development import launcher
from webapp.development.demo import DEMO_PEOPLE
from webapp.development.launcher import LauncherError
from webapp.kernel import lifeline
from webapp.kernel.config import PROJECT_ROOT


def free_port() -> int:
    return launcher.bind_port("127.0.0.1", 0)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "80.5", "８０００"])
def test_a_port_that_is_no_port_is_refused_in_one_line(checkout, port):
    with pytest.raises(LauncherError, match="PORT must be a number from 1 to 65535") as refusal:
        launcher.run(checkout, {"PORT": port})
    assert "\n" not in str(refusal.value)


def test_a_port_in_use_is_refused_in_one_line(checkout):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LauncherError, match=rf"Port {port} is in use") as refusal:
            launcher.run(checkout, {"PORT": str(port)})
    assert "\n" not in str(refusal.value)


def test_production_is_refused(checkout):
    with pytest.raises(LauncherError, match="make run is for development"):
        launcher.run(checkout, {"ENVIRONMENT": "production"})


def test_a_second_launcher_on_the_same_data_is_refused(checkout):
    with (
        launcher.only_one_launcher(checkout / ".data"),
        pytest.raises(LauncherError, match=rf"already runs .*{os.getpid()}"),
    ):
        launcher.run(checkout, {"PORT": str(free_port())})


def test_refusals_end_with_one_line_and_no_traceback(monkeypatch, capsys):
    monkeypatch.setenv("PORT", "abc")
    monkeypatch.setattr("webapp.development.launcher.signal.signal", lambda *_: None)
    assert launcher.main() == 1
    assert capsys.readouterr().err == "PORT must be a number from 1 to 65535, not 'abc'.\n"


def test_another_sandbox_port_is_chosen_when_the_usual_one_is_taken(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(launcher, "SANDBOX_PORT", taken.getsockname()[1])
        assert launcher.sandbox_port_for({}) != launcher.SANDBOX_PORT
    assert launcher.sandbox_port_for({}) == launcher.SANDBOX_PORT


def test_children_are_pointed_at_the_sandbox_unless_the_settings_say_otherwise():
    ours = launcher.environment_of_children({}, 8000, 9999, "postgresql://x")
    assert ours["BANESCO_QA_API_URL"] == "http://127.0.0.1:9999/v1"
    assert ours["BANESCO_QA_AUTH_URL"] == "http://127.0.0.1:9999/oauth/token"
    given = {"BANESCO_QA_API_URL": "https://bank.test/v1", "BANESCO_QA_CLIENT_ID": ""}
    theirs = launcher.environment_of_children(given, 8000, 9999, "postgresql://x")
    assert theirs["BANESCO_QA_API_URL"] == "https://bank.test/v1"
    assert theirs["BANESCO_QA_CLIENT_ID"] == "sandbox-client"


def test_the_environment_wins_over_dotenv(tmp_path):
    (tmp_path / ".env").write_text("PORT=8111\nEMPTY\nNAME='Área Médica'\n")
    assert launcher.read_dotenv(tmp_path / ".env") == {"PORT": "8111", "NAME": "Área Médica"}
    assert launcher.read_dotenv(tmp_path / "none") == {}


def test_the_banner_names_the_address_and_every_demo_sign_in():
    text = launcher.banner("http://127.0.0.1:8000", 8765, None)
    assert "http://127.0.0.1:8000" in text
    for email, _name, _role, password in DEMO_PEOPLE:
        assert email in text
        assert password in text


@pytest.mark.processes
def test_a_process_ends_with_the_process_that_it_follows():
    leader = subprocess.Popen(["sleep", "60"])
    code = (
        f"import sys; sys.path.insert(0, {str(Path(lifeline.__file__).parent)!r});"
        f"import lifeline, time; lifeline.follow({leader.pid}); print('up', flush=True);"
        "time.sleep(60)"
    )
    follower = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert follower.stdout
        follower.stdout.readline()
        assert follower.poll() is None
        leader.kill()  # Not waited for: a zombie is dead as well.
        follower.communicate(timeout=10)
        assert follower.returncode == -signal.SIGTERM
    finally:
        follower.kill()
        leader.wait()


# A launcher of small programs in the place of web, worker and sandbox.
SMALL = """
import sys
import honcho.manager
from webapp.development.launcher import Processes
honcho.manager.KILL_WAIT = float(sys.argv.pop(1))  # Seconds between the wish and the kill.
processes = Processes(address="http://127.0.0.1:1", sandbox_port=1, database=None)
for number, command in enumerate(sys.argv[1:]):
    processes.add_process(f"p{number}", command)
sys.exit(processes.run())
"""


@contextlib.contextmanager
def small_launcher(*commands: str, kill_after: float = 60) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SMALL, str(kill_after), *commands],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.processes
def test_one_process_that_ends_by_itself_ends_all_and_that_is_a_failure():
    with small_launcher("sleep 100", "echo no luck; exit 3") as process:
        output, _ = process.communicate(timeout=45)
        assert process.returncode == 1
        assert "no luck" in output
        assert "A process ended by itself" in output


@pytest.mark.processes
def test_a_process_that_ignores_sigterm_is_killed():
    deaf = "trap '' TERM; echo deaf; while true; do sleep 0.2; done"
    with small_launcher(deaf, kill_after=0.5) as process:
        assert process.stdout
        while "deaf" not in process.stdout.readline():
            pass
        process.terminate()
        output, _ = process.communicate(timeout=45)
        assert process.returncode == 0, output
        assert "sending SIGTERM to p0" in output
        assert "sending SIGKILL to p0" in output
        assert f"p0 stopped (rc=-{signal.SIGKILL:d})" in output


@pytest.mark.processes
def test_all_ends_when_nobody_reads_the_output_any_more():
    with small_launcher("echo up; exec sleep 100") as process:
        assert process.stdout
        while "up" not in process.stdout.readline():
            pass
        process.stdout.close()
        assert process.wait(timeout=45) == 0
        process.stdout = None


class Running:
    """`make run` without make, on data and ports of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.port = free_port()
        self.data_dir = data_dir
        self.output = data_dir / "output"
        data_dir.mkdir()
        data_dir.chmod(0o755)
        environ = {"DATA_DIR": str(data_dir), "PORT": str(self.port), "WEB_CONCURRENCY": "1"}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webapp.development"],
                cwd=PROJECT_ROOT,
                env={**kept, **environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.ended() or "Ctrl-C stops" in self.said(), seconds=90)
        assert not self.ended(), self.said()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=5) as ok,
        ):
            return bool(ok.status == 200)
        return False

    def processes(self) -> list[str]:
        """The command lines of all that was started, found by the port in their environment."""
        mark = f"\0PORT={self.port}\0".encode()
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in b"\0" + environ.read_bytes():
                    found.append((environ.parent / "cmdline").read_text().replace("\0", " "))
        return found

    def is_gone(self) -> bool:
        return not self.processes() and not is_served(self.data_dir / "postgres")


@pytest.fixture
def running() -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="areamedica test "))
    folder.chmod(0o755)  # So that root's PostgreSQL, which runs as nobody, may enter it.
    running = Running(folder / "data")
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        wait_until(running.is_gone, seconds=30)
        shutil.rmtree(folder)


@pytest.mark.processes
def test_it_serves_survives_its_database_and_stops_when_asked(running):
    running.wait_until_ready()
    assert running.answers()
    for name in ("gunicorn", "worker", "sandbox"):
        assert any(name in command for command in running.processes()), name
    pid_file = running.data_dir / "postgres" / "cluster" / "postmaster.pid"
    os.kill(int(pid_file.read_text().split("\n")[0]), signal.SIGKILL)
    wait_until(lambda: "starting it again" in running.said(), seconds=30)
    wait_until(running.answers, seconds=30)
    running.process.terminate()
    assert running.process.wait(timeout=45) == 0
    assert running.is_gone()
    assert "Traceback" not in running.said()


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_killed_launcher_leaves_nothing_behind(running):
    running.wait_until_ready()
    running.process.kill()
    running.process.wait()
    wait_until(running.is_gone, seconds=15)
