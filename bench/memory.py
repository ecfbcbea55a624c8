"""The memory of the web workers over many requests: it must stop growing.

    python -m bench.memory [--requests 200000] [--rows 20000] [--workers 2] [--threads 4]

Starts the web as in production but for `max_requests`, which would hide growth by new workers, and lets wrk ask for lists,
single payments and refusals, 8 connections at a time. It exits 1 where a worker is larger than 120 MiB at the end, or
grew by more than 5 % in the second half. bench/README.md says how to read it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

from bench import plausible
from bench.floor import cashiers, signed_in
from bench.harness import databases, memory_of_workers, say
from tests.e2e.processes import Processes

LARGEST = 120.0
GROWTH = 1.05
STEPS = 10
REQUESTS = """
local paths = {"", "?status=TO_REVIEW", "?page=3&size=50", "/HIS-%d", "/HIS-%d/events", "/missing-%d"}
local number = 0
function request()
  number = number + 1
  local path = string.format(paths[number % #paths + 1], number % ROWS + 1)
  return wrk.format("GET", "/api/v1/transactions" .. path, {["Authorization"] = "Bearer TOKEN"})
end
"""


def main() -> int:
    """Measure; returns the exit code, 0 where no worker is too large or still grows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--rows", type=int, default=20_000, help="payments in the database")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    given = parser.parse_args()
    with databases() as make, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        url = make()
        settings = {
            "WEB_CONCURRENCY": str(given.workers),
            "GUNICORN_CMD_ARGS": f"--threads {given.threads} --max-requests 0",
            "RATE_LIMIT_REQUESTS": "100000000",
            "LOG_LEVEL": "WARNING",
        }
        processes = Processes(database_url=url, folder=Path(folder), settings=settings)
        try:
            processes.migrate()
            processes.add_demo_data()
            plausible.load(url, given.rows, cashiers=cashiers(url))
            processes.start_web()
            return 0 if measured(processes, given.requests, given.rows) else 1
        finally:
            processes.stop()


def measured(processes: Processes, requests: int, rows: int) -> bool:
    """Ask so many times, print the memory after each step, and tell whether it is bounded."""
    script = processes.folder / "requests.lua"
    token = signed_in(processes.web_url)
    script.write_text(REQUESTS.replace("ROWS", str(rows)).replace("TOKEN", token))
    master = processes.pid_of("web")
    say("requests", "workers, MiB resident / of their own")
    done = 0
    seen = [resident(master, done)]
    while done < requests:
        step = done + requests // STEPS
        while done < step:
            done += driven(processes.web_url, script)
        seen.append(resident(master, done))
    half = seen[len(seen) // 2]
    say("growth in the second half", f"x {seen[-1] / half:.3f} (at most {GROWTH})")
    say("largest worker at the end", f"{seen[-1]:.0f} MiB (at most {LARGEST:.0f})")
    return seen[-1] <= LARGEST and seen[-1] <= half * GROWTH


def resident(master: int, done: int) -> float:
    """Print the workers' memory, and return that of the largest."""
    every = zip(memory_of_workers(master), memory_of_workers(master, "Pss"), strict=True)
    sizes = list(every)
    say(f"{done:>8}", "   ".join(f"{whole:.1f} / {own:.1f}" for whole, own in sizes))
    return max(whole for whole, _ in sizes)


def driven(url: str, script: Path) -> int:
    """Let wrk ask for some seconds; returns how many answers came."""
    command = ["wrk", "-c", "8", "-t", "1", "-d", "5s", "-s", str(script), url]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r"(\d+) requests in", run.stdout)
    if not found or found[1] == "0":
        raise SystemExit(f"nobody answers: {run.stdout}")
    return int(found[1])


if __name__ == "__main__":
    raise SystemExit(main())
