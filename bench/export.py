"""Exporting all payments as CSV, and what that does to the worker's memory and to the lists of others.

    python -m bench.export [--rows 1000000] [--workers 1]

Loads plausible payments by COPY, starts the web as in production, reads the API's list one request at a time, alone and
then while the export runs. With one worker (the default) export and lists share a process, the worst case. It exits 1
where a row is missing. bench/README.md says how to read it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import requests

from bench import plausible
from bench.floor import cashiers, signed_in
from bench.harness import databases, fold_totals, memory_of_workers, say
from tests.e2e.processes import Processes

SECONDS = 60.0
MEBIBYTES = 150.0


def main() -> int:
    """Measure; returns the exit code, 0 where the export had every row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="payments in the database")
    parser.add_argument("--workers", type=int, default=1, help="web processes")
    given = parser.parse_args()
    with databases() as make, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        url = make()
        settings = {
            "WEB_CONCURRENCY": str(given.workers),
            "RATE_LIMIT_REQUESTS": "100000000",
            "LOG_LEVEL": "WARNING",
        }
        processes = Processes(database_url=url, folder=Path(folder), settings=settings)
        try:
            processes.migrate()
            processes.add_demo_data()
            plausible.load(url, given.rows, cashiers=cashiers(url))
            fold_totals(url, Path(folder))
            processes.start_web()
            return 0 if measured(processes, given.rows) else 1
        finally:
            processes.stop()


class Export:
    """Reads a whole export, in a process of its own that does nothing else (curl)."""

    def __init__(self, url: str, token: str, folder: Path) -> None:
        self._sheet = folder / "export.csv"
        self._process = subprocess.Popen(
            ["curl", "--silent", "--fail", "--output", str(self._sheet),
             "--write-out", "%{time_starttransfer} %{time_total}", "--header", f"Authorization: Bearer {token}", url],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def is_running(self) -> bool:
        """Tell whether rows still come."""
        return self._process.poll() is None

    def seconds(self) -> tuple[float, float]:
        """Return the seconds until the first rows and until the last, once it has ended."""
        written = self._process.communicate()[0]
        if self._process.returncode:
            raise SystemExit(f"the export broke off (curl ended with {self._process.returncode})")
        first, last = map(float, written.split())
        return first, last

    def rows(self) -> int:
        """Return how many rows came, without their heading."""
        with self._sheet.open("rb") as sheet:
            return sum(1 for _ in sheet) - 1

    def size(self) -> float:
        """Return how large it is (MiB)."""
        return self._sheet.stat().st_size / 2**20


def measured(processes: Processes, rows: int) -> bool:
    """Measure the lists alone and beside an export, and print it; returns whether every row came."""
    token = signed_in(processes.web_url)
    lists = requests.Session()
    lists.headers["Authorization"] = f"Bearer {token}"
    path = f"{processes.web_url}/api/v1/transactions"
    alone = [read(lists, path) for _ in range(200)][50:]
    before = max(memory_of_workers(processes.pid_of("web")))
    export = Export(f"{path}/export", token, processes.folder)
    beside: list[float] = []
    peak = before
    while export.is_running():
        beside.append(read(lists, path))
        peak = max(peak, *memory_of_workers(processes.pid_of("web")))
        time.sleep(0.02)
    first, last = export.seconds()
    calm = alone + [read(lists, path) for _ in range(150)]
    say(f"An export of {rows} payments")
    say("  rows in it", f"{export.rows()} ({export.size():.0f} MiB)")
    say(
        "  until the first rows / the last", f"{first:.1f} s / {last:.0f} s (at most {SECONDS:.0f})"
    )
    say(
        "  memory of the largest web worker",
        f"{before:.0f} MiB before, {peak:.0f} at the most (at most {MEBIBYTES:.0f})",
    )
    median, median_beside = statistics.median(calm), statistics.median(beside)
    say(
        "  the list, alone / beside it",
        f"{median:.1f} / {median_beside:.1f} ms: x {median_beside / median:.1f} ({len(beside)} lists;"
        f" 99 of 100 within {slowest(calm):.0f} / {slowest(beside):.0f} ms)",
    )
    return export.rows() >= rows


def read(session: requests.Session, path: str) -> float:
    """Read the list's first page; returns the milliseconds."""
    begun = time.monotonic()
    session.get(path, timeout=60).raise_for_status()
    return (time.monotonic() - begun) * 1000


def slowest(measured: list[float]) -> float:
    """Return what 99 of 100 do not exceed."""
    return sorted(measured)[int(len(measured) * 0.99)]


if __name__ == "__main__":
    raise SystemExit(main())
