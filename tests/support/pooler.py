"""The pool of connections that operators may put before the database: PgBouncer, with the configuration that is shipped."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.e2e.processes import free_port, wait_until
from tests.support.outage import Relay
from tests.support.proxy import replaced
from webapp.kernel.config import PROJECT_ROOT

SHIPPED = PROJECT_ROOT / "deploy" / "pgbouncer.ini"


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer that runs before a database, for whoever asks on loopback."""

    url: str
    """The database through it."""
    port: int

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def pgbouncer(folder: Path, database_url: str, *, with_limits: bool = True) -> Iterator[Pooler]:
    """Run it before a database, as shipped or without the limits; skips the test where there is no PgBouncer."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("the pool of connections is pgbouncer: apt-get install pgbouncer")
    port = free_port()
    through = make_url(database_url).set(host="127.0.0.1", port=port, query={})
    pooler = Pooler(through.render_as_string(hide_password=False), port)
    server = Relay(database_url)  # It may listen on a socket only, and know its users by it.
    server.mend()
    configuration = _configuration(folder, database_url, server_port=server.port, port=port)
    if not with_limits:
        lost = re.sub("connect_query='[^']*'", "", configuration.read_text())
        configuration.write_text(lost)
    # It refuses to run as root.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([program, "-q", *user, str(configuration)]) as process:
        try:
            wait_until(pooler.listens, seconds=20, describe="pgbouncer listens")
            yield pooler
        finally:
            process.terminate()
            process.wait(10)
            server.cut()


def _configuration(folder: Path, database_url: str, *, server_port: int, port: int) -> Path:
    """Write the shipped configuration with the addresses and the user of this test."""
    url = make_url(database_url)
    login = f"user={url.username}" + (f" password={url.password}" if url.password else "")
    path = folder / "pgbouncer.ini"
    path.write_text(
        replaced(
            SHIPPED.read_text(),
            {
                "areamedica = host=127.0.0.1 port=5432 dbname=areamedica": (
                    f"{url.database} = host=127.0.0.1 port={server_port} dbname={url.database} {login}"
                ),
                "listen_port = 6432": f"listen_port = {port}",
                "auth_type = scram-sha-256": "auth_type = any",
                "auth_file = /etc/pgbouncer/userlist.txt": "",
            },
        )
    )
    return path
