"""The API against a bare psycopg2 program that runs the same SQL under the same gunicorn.

    python -m bench.floor [--rows 20000] [--seconds 8] [--rounds 3] [--threads 4] [--workers 2]

Loads plausible payments by COPY, starts the product and the floor (bench/floor_app.py) side by side, and lets wrk drive them in
turn over loopback, 8 connections each. It stops by itself. bench/README.md says how to read it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import requests

from bench import plausible
from bench.harness import databases, fold_totals, say
from tests.e2e.processes import Processes, free_port, wait_until
from webapp.development.demo import DEMO_PASSWORD
from webapp.kernel.config import PROJECT_ROOT

CONNECTIONS = 8
CREATE = """
local seed = {seed}
local number = 0
function setup(thread) thread:set("id", seed) seed = seed + 1 end
function request()
  number = number + 1
  local reference = string.format("%03d%06d", id % 1000, number)
  local body = string.format('{{"transaction_id":"NEW-%d-%d","bank":"BANESCO","reference":"%s","amount":"12.50",' ..
    '"customer":{{"full_name":"Rosa Villalobos","phone":"04141234567","national_id":"V12345678"}}}}', id, number, reference)
  return wrk.format("POST", "/api/v1/transactions", {{["Content-Type"] = "application/json",
    ["Authorization"] = "Bearer {token}"}}, body)
end
"""


@dataclass(frozen=True)
class Server:
    """One of the two programs: where it listens, what opens it, and the process whose children serve."""

    name: str
    url: str
    token: str
    pid: int


@dataclass(frozen=True)
class Measured:
    """What wrk saw: requests per second, milliseconds at the median and at 99 %, answers that were not 2xx."""

    per_second: float
    p50: float
    p99: float
    refused: int


CASES = {
    "list": "/api/v1/transactions",
    "list by status": "/api/v1/transactions?status=TO_REVIEW",
    "one by id": "/api/v1/transactions/HIS-{middle}",
    "create, with its event": None,
}


def main() -> int:
    """Measure and print; 2 where wrk is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000, help="payments in the database")
    parser.add_argument("--seconds", type=int, default=8, help="one measurement")
    parser.add_argument(
        "--rounds", type=int, default=3, help="measurements of each case and program, in turn"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.stderr.write("wrk drives this measurement: install it (Debian: apt-get install wrk).\n")
        return 2
    rows = min(max(given.rows, 1_000), 10_000_000)
    with (
        databases() as make,
        serving(make(), rows, given.workers, given.threads) as (product, floor),
    ):
        say(
            f"{rows} payments, {given.workers} workers of {given.threads} threads, {CONNECTIONS} connections"
        )
        say("", "product      floor      ratio (spread)        p50 ms       p99 ms")
        for case, path in CASES.items():
            compare(case, path and path.format(middle=rows // 2), product, floor, given)
        for server in (product, floor):
            say(f"memory of a web worker, {server.name}", f"{_memory(server.pid):.0f} MiB")
    return 0


@contextmanager
def serving(url: str, rows: int, workers: int, threads: int) -> Iterator[tuple[Server, Server]]:
    """Run the product as in production and the floor, on one database with so many rows."""
    settings = {
        "WEB_CONCURRENCY": str(workers),
        "GUNICORN_CMD_ARGS": f"--threads {threads}",
        "RATE_LIMIT_REQUESTS": "100000000",
        "LOG_LEVEL": "INFO",
    }
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        processes = Processes(database_url=url, folder=Path(folder), settings=settings)
        bare = None
        try:
            processes.migrate()
            processes.add_demo_data()
            plausible.load(url, rows, cashiers=cashiers(url))
            fold_totals(url, Path(folder))
            processes.start_web()
            token = signed_in(processes.web_url)
            product = Server("product", processes.web_url, token, processes.pid_of("web"))
            port = free_port()
            bare = _floor(url, port, workers, threads, Path(folder))
            floor = Server("floor", f"http://127.0.0.1:{port}", _session(url), bare.pid)
            wait_until(lambda: _ready(floor), seconds=30, describe="the floor answers")
            yield product, floor
        finally:
            if bare is not None:
                bare.terminate()
                bare.wait(15)
            processes.stop()


def compare(
    case: str, path: str | None, product: Server, floor: Server, given: argparse.Namespace
) -> None:
    """Measure both in turn and print one line."""
    seen: dict[str, list[Measured]] = {product.name: [], floor.name: []}
    for turn in range(given.rounds):
        for place, server in enumerate((product, floor)):
            seen[server.name].append(_drive(server, path, given.seconds, seed=turn * 2 + place + 1))
    ours, theirs = seen[product.name], seen[floor.name]
    ratios = [one.per_second / other.per_second for one, other in zip(ours, theirs, strict=True)]
    medians = [statistics.median(one.per_second for one in side) for side in (ours, theirs)]
    p50 = [statistics.median(one.p50 for one in side) for side in (ours, theirs)]
    p99 = [statistics.median(one.p99 for one in side) for side in (ours, theirs)]
    say(
        case,
        f"{medians[0]:>7.0f} {medians[1]:>10.0f}      {statistics.median(ratios):.2f} ({min(ratios):.2f} to "
        f"{max(ratios):.2f})   {p50[0]:>5.1f} / {p50[1]:<5.1f} {p99[0]:>5.1f} / {p99[1]:<5.1f}",
    )
    for server in (product, floor):
        refused = sum(one.refused for one in seen[server.name])
        if refused:
            say("", f"{server.name}: {refused} answers were refusals")


def _drive(server: Server, path: str | None, seconds: int, *, seed: int) -> Measured:
    command = ["wrk", "-c", str(CONNECTIONS), "-t", "1", "-d", f"{seconds}s", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if path is None:
            script.write(CREATE.format(seed=seed * 7 + int(time.time()) % 100, token=server.token))
            script.flush()
            command += ["-s", script.name]
        else:
            command += ["-H", f"Authorization: Bearer {server.token}"]
        run = subprocess.run(
            [*command, server.url + (path or "")],
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=True,
        )
    return Measured(
        per_second=float(_found(r"Requests/sec:\s+([\d.]+)", run.stdout)),
        p50=_milliseconds(_found(r"(?m)^\s+50%\s+(\S+)", run.stdout)),
        p99=_milliseconds(_found(r"(?m)^\s+99%\s+(\S+)", run.stdout)),
        refused=int(_found(r"Non-2xx or 3xx responses: (\d+)", run.stdout) or 0),
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}[unit]


def _memory(master: int) -> float:
    """Return the proportional memory (MiB) of the first process that a gunicorn master runs."""
    child = Path(f"/proc/{master}/task/{master}/children").read_text().split()[0]
    lines = Path(f"/proc/{child}/smaps_rollup").read_text()
    return int(_found(r"Rss:\s+(\d+) kB", lines)) / 1024


def _floor(
    url: str, port: int, workers: int, threads: int, folder: Path
) -> subprocess.Popen[bytes]:
    with (folder / "floor.log").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable, "-m", "gunicorn", "-c", "python:bench.floor_gunicorn", "-b", f"127.0.0.1:{port}",
                "-w", str(workers), "--threads", str(threads), "bench.floor_app:application",
            ],
            cwd=PROJECT_ROOT, env={"PATH": "/usr/bin:/bin", "FLOOR_DATABASE_URL": url.replace("+psycopg2", "")},
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip


def signed_in(url: str) -> str:
    """Return a token of the demo integrator."""
    answer = requests.post(
        f"{url}/api/v1/auth/login",
        json={"email": "integrador@demo.test", "password": DEMO_PASSWORD},
        timeout=30,
    )
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token


def _rows(url: str, query: str) -> list[str]:
    with (
        psycopg2.connect(url.replace("+psycopg2", "")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]


def cashiers(url: str) -> list[str]:
    """Return the ids of those who log payments in the demo data."""
    return _rows(
        url, "SELECT id::text FROM users WHERE role IN ('cashier', 'supervisor') ORDER BY email"
    )


def _session(url: str) -> str:
    return _rows(url, "SELECT id::text FROM user_sessions WHERE ended_at IS NULL LIMIT 1")[0]


def _ready(floor: Server) -> bool:
    headers = {"Authorization": f"Bearer {floor.token}"}
    try:
        return requests.get(f"{floor.url}/api/v1/transactions", headers=headers, timeout=5).ok
    except requests.RequestException:
        return False


if __name__ == "__main__":
    raise SystemExit(main())
