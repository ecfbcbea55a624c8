"""The embedded PostgreSQL under races, kills and leftovers."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

import webapp
from webapp.development.postgres import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    programs,
    running,
    server_user,
)
from webapp.development.postgres.cluster import Cluster
from webapp.development.postgres.running import start_lock
from webapp.development.postgres.server_user import ensure_folder

pytestmark = pytest.mark.processes

WEBAPP = str(Path(webapp.__file__).parent)

# Holds a lease as another program would: without the rest of the application, whose import takes a second.
HOLDER = """
import pathlib, sys, types
sys.modules["webapp"] = package = types.ModuleType("webapp")
package.__path__ = [sys.argv[1]]
from webapp.development.postgres import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[2]), durable=False)
print(server.acquire(), flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def folder_for_data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="areamedica-test-"))
    folder.chmod(0o755)  # So that root's server, which runs as nobody, may enter it.
    data_dir = folder / "a folder" / "postgres"
    yield data_dir
    wait_until(lambda: not is_served(data_dir))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """One folder for all tests that do not depend on its content: making a cluster takes the most time."""
    with folder_for_data() as data_dir:
        yield data_dir


@pytest.fixture
def fresh_dir() -> Iterator[Path]:
    with folder_for_data() as data_dir:
        yield data_dir


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data_dir, durable=False)
    yield server
    server.release()


@pytest.fixture
def fresh_server(fresh_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(fresh_dir, durable=False)
    yield server
    server.release()


class Holder:
    """Another process with a lease."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", HOLDER, WEBAPP, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def url(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate("\n", timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@contextlib.contextmanager
def holders(data_dir: Path, count: int = 1) -> Iterator[list[Holder]]:
    people = [Holder(data_dir) for _ in range(count)]
    try:
        yield people
    finally:
        for holder in people:
            holder.kill()


def ask(url: str, question: str) -> object:
    plain = url.replace("postgresql+psycopg2", "postgresql")
    with contextlib.closing(psycopg2.connect(plain, connect_timeout=5)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(question)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None


def postmaster(data_dir: Path) -> int | None:
    return Cluster.locate(data_dir).server.postmaster() if data_dir.exists() else None


def is_served(data_dir: Path) -> bool:
    return postmaster(data_dir) is not None


def wait_until(true, seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not become true"
        time.sleep(0.02)


def test_it_serves_a_utf8_database_and_no_network_address(server):
    url = server.acquire()
    assert ask(url, "SELECT current_database()") == "areamedica"
    assert ask(url, "SHOW server_encoding") == "UTF8"
    assert ask(url, "SHOW listen_addresses") == ""
    assert ask(url, "SELECT datlocprovider FROM pg_database WHERE datname = 'areamedica'") == "b"


def test_the_socket_is_only_ours(server):
    server.acquire()
    socket_dir = Cluster.locate(server.data_dir).server.sockets
    assert socket_dir.stat().st_mode & 0o777 == 0o700
    assert len(str(socket_dir)) < 60


def test_only_its_owner_and_root_are_let_in_and_only_over_the_socket(server):
    url = server.acquire()
    rules = "SELECT string_agg(type || ' ' || auth_method, ',') FROM pg_hba_file_rules"
    assert ask(url, rules) == "local peer"
    names = ask(url, "SELECT array_agg(sys_name) FROM pg_ident_file_mappings")
    assert names == sorted({"root", pwd.getpwuid(os.geteuid()).pw_name})


def test_data_from_when_every_local_process_was_let_in_is_served_under_the_new_rule(server):
    server.acquire()
    server.release()
    (server.home / "cluster" / "pg_hba.conf").write_text("local all all trust\n")
    rules = "SELECT string_agg(type || ' ' || auth_method, ',') FROM pg_hba_file_rules"
    assert ask(server.acquire(), rules) == "local peer"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as nobody")
def test_other_processes_of_nobody_may_not_connect_and_cannot_change_that(server):
    url = server.acquire()
    nobody = pwd.getpwnam("nobody")
    assert (server.home / "cluster").stat().st_uid == nobody.pw_uid

    def connect() -> object:
        return ask(url, "SELECT 1")

    def change_the_rules() -> object:
        return [(server.home / name).open("a") for name in ("pg_hba.conf", "pg_ident.conf")]

    assert as_user(nobody, connect).startswith("OperationalError: ")
    assert "authentication failed" in as_user(nobody, connect)
    assert as_user(nobody, change_the_rules).startswith("PermissionError: ")
    assert ask(url, "SELECT 1") == 1


def as_user(user: pwd.struct_passwd, work: Callable[[], object]) -> str:
    """Return what the work returns or raises in a process of this user, in words."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        try:
            result = str(work())
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
        os.write(writing, result.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as output:
        return output.read()


def test_acquiring_twice_gives_the_same_server(server):
    url = server.acquire()
    first = postmaster(server.data_dir)
    assert server.acquire() == url
    assert postmaster(server.data_dir) == first


def test_the_process_that_returns_the_last_lease_stops_the_server(data_dir, server):
    url = server.acquire()
    with holders(data_dir) as [other]:
        assert other.url() == url
        server.release()
        assert ask(url, "SELECT 1") == 1
        other.leave()
        assert not is_served(data_dir)


def test_what_was_written_is_there_after_a_restart(server):
    ask(server.acquire(), "CREATE TABLE written AS SELECT 42 AS number")
    server.release()
    assert ask(server.acquire(), "SELECT number FROM written") == 42


def test_six_processes_racing_on_a_fresh_folder_all_succeed(fresh_dir):
    with holders(fresh_dir, 6) as racers:
        urls = {racer.url() for racer in racers}
        assert len(urls) == 1
        assert ask(urls.pop(), "SELECT 1") == 1
        for racer in racers:
            racer.leave()
        assert [racer.process.returncode for racer in racers] == [0] * 6
        assert not is_served(fresh_dir)
    assert not list(fresh_dir.glob("cluster.new-*"))


def test_the_server_stops_when_its_users_were_killed(data_dir):
    with holders(data_dir, 2) as people:
        for person in people:
            person.url()
        for person in people:
            person.kill()
        wait_until(lambda: not is_served(data_dir))


def test_a_killed_server_is_started_again_with_all_that_was_committed(data_dir, server):
    url = server.acquire()
    ask(url, "CREATE TABLE kept AS SELECT 42 AS number")
    with contextlib.closing(psycopg2.connect(url.replace("+psycopg2", ""))):
        os.kill(postmaster(data_dir) or 0, signal.SIGKILL)
        wait_until(lambda: not server.is_running())
        assert server.acquire() == url
    assert ask(url, "SELECT number FROM kept") == 42


def test_a_killed_server_and_user_leave_nothing_in_the_way(data_dir, server):
    with holders(data_dir) as [victim]:
        victim.url()
        os.kill(postmaster(data_dir) or 0, signal.SIGKILL)
        victim.kill()
        assert ask(server.acquire(), "SELECT 1") == 1


@pytest.mark.parametrize("content", ["", "not a number\n", "999999999\n", "{alive}\n"])
def test_a_stale_lock_file_is_not_believed(data_dir, server, content):
    server.acquire()
    server.release()
    cluster = Cluster.locate(data_dir)
    stale = content.format(alive=os.getpid())  # Alive, but no server of this data.
    with start_lock(data_dir):
        ensure_folder(cluster.server.sockets, cluster.user, 0o700)
        (cluster.path / "postmaster.pid").write_text(stale)
        cluster.server.socket_lock.write_text(stale)
    assert ask(server.acquire(), "SELECT 1") == 1


def test_a_server_whose_socket_was_cleaned_away_is_replaced(data_dir, server):
    server.acquire()
    before = postmaster(data_dir)
    shutil.rmtree(Cluster.locate(data_dir).server.sockets)
    with holders(data_dir) as [other]:
        assert ask(other.url(), "SELECT 1") == 1
        assert postmaster(data_dir) != before


def test_an_abandoned_initdb_is_swept_away(fresh_dir, fresh_server):
    fresh_dir.mkdir(parents=True)
    abandoned = fresh_dir / "cluster.new-1"
    abandoned.mkdir()
    fresh_server.acquire()
    assert not abandoned.exists()


def test_a_forked_child_neither_stops_the_server_nor_keeps_the_lease(data_dir, server):
    server.acquire()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        server.release()
        os.read(reading, 1)  # Still alive, with the lease's descriptor, while the parent lets go.
        os._exit(0)
    assert is_served(data_dir)
    server.release()
    assert not is_served(data_dir)
    os.write(writing, b"x")
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)


def test_data_of_another_version_is_refused_in_one_sentence(server):
    server.acquire()
    server.release()
    version = server.home / "cluster" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("12\n")
    with pytest.raises(EmbeddedPostgresError, match="is of PostgreSQL 12, the programs are"):
        server.acquire()
    version.write_text(ours)


def test_programs_that_are_not_there_are_refused_in_one_sentence(server, monkeypatch, tmp_path):
    monkeypatch.setenv("PG_BINDIR", str(tmp_path))
    with pytest.raises(EmbeddedPostgresError, match="no program initdb"):
        server.acquire()


def test_programs_that_are_too_old_are_refused_in_one_sentence(server, monkeypatch, tmp_path):
    for name in ("initdb", "pg_ctl", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.2'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PG_BINDIR", str(tmp_path))
    with pytest.raises(EmbeddedPostgresError, match="holds PostgreSQL 15; 17 or newer is needed"):
        server.acquire()


def test_a_socket_folder_that_is_a_trap_is_refused(data_dir, server, tmp_path):
    data_dir.mkdir(parents=True, exist_ok=True)
    trap = Cluster.locate(data_dir).server.sockets
    trap.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedPostgresError, match="not a folder of ours"):
            server.acquire()
    finally:
        trap.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server must change its user")
def test_root_under_private_folders_keeps_its_data_elsewhere(fresh_dir, fresh_server, capsys):
    private = fresh_dir.parents[1]
    private.chmod(0o700)
    assert ask(fresh_server.acquire(), "SELECT 1") == 1
    try:
        assert private.stat().st_mode & 0o777 == 0o700
        assert private.stat().st_uid == 0
        assert not fresh_server.home.is_relative_to(private)
        assert str(fresh_server.home) in capsys.readouterr().err
        fresh_server.release()
        ask(fresh_server.acquire(), "SELECT 1")
        assert str(fresh_server.home) not in capsys.readouterr().err, "it is said once"
    finally:
        fresh_server.release()
        shutil.rmtree(fresh_server.home)
        private.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server must change its user")
def test_root_copies_programs_that_the_server_may_not_reach(tmp_path, monkeypatch):
    monkeypatch.setattr(server_user, "ELSEWHERE", tmp_path)
    package = programs.find_programs().parents[1]
    copy = programs.copy_programs(programs.find_programs())
    assert copy.is_relative_to(tmp_path)
    assert copy.parts[-3:] == (package.name, "pginstall18", "bin")
    assert programs.major(copy) == programs.major(programs.find_programs())
    assert programs.copy_programs(programs.find_programs()) == copy


def test_the_watcher_runs_without_the_application():
    imported = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", running.__file__, "/nowhere", "/a", "/b"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stderr
    assert "subprocess" in imported
    assert not {name for name in ("webapp", "psycopg2", "flask", "sqlalchemy") if name in imported}
