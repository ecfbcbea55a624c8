"""What one `flask worker` process does in a second: questions to a bank that takes 300 ms, and webhooks to receivers of 20 ms.

    python -m bench.worker [--rows 100000] [--payments 900] [--messages 4000] [--receivers 20]

The bank and the receivers are a small server of its own that answers after a fixed time. Loads plausible payments, lets so
many be due, and shows what claiming one costs with 500 and with 50,000 due. bench/README.md says how to read it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2

from bench import plausible
from bench.floor import cashiers
from bench.harness import databases, say
from tests.e2e.processes import Processes, free_port, wait_until
from webapp.kernel.config import PROJECT_ROOT

BANK_SECONDS, RECEIVER_SECONDS = 0.3, 0.02
CLAIM = """
EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM transactions WHERE deleted_at IS NULL AND bank_environment = 'qa'
AND next_check_at <= now() AND (checking_until IS NULL OR checking_until <= now()) ORDER BY next_check_at LIMIT 1
FOR UPDATE SKIP LOCKED
"""
DUE = """
UPDATE transactions SET status = 'IN_PROGRESS', next_check_at = now() - random() * interval '1 hour',
waiting_since = now() - interval '10 minutes', version = version + 1
WHERE id IN (SELECT id FROM transactions WHERE deleted_at IS NULL ORDER BY created_at DESC LIMIT %s)
"""
WEBHOOKS = """
WITH owner AS (SELECT id FROM users WHERE email = 'integrador@demo.test'), made AS (
  INSERT INTO webhook_endpoints (user_id, url, events, secret)
  SELECT owner.id, %s || n, '{transaction.completed}', 'whsec_' || encode(sha256(n::text::bytea), 'base64')
  FROM owner, generate_series(1, %s) AS n RETURNING id)
INSERT INTO webhook_deliveries (endpoint_id, event_type, payload, next_attempt_at)
SELECT made.id, 'transaction.completed', '{"type": "transaction.completed", "data": {}}', clock_timestamp()
FROM made, generate_series(1, %s)
"""


def main() -> int:
    """Measure and print; returns 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000, help="payments in the database")
    parser.add_argument("--payments", type=int, default=900, help="payments that are asked about")
    parser.add_argument("--messages", type=int, default=4_000, help="webhooks to be sent")
    parser.add_argument("--receivers", type=int, default=20)
    given = parser.parse_args()
    with databases() as make, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        url, port = make(), free_port()
        bank = f"http://127.0.0.1:{port}"
        settings = {
            "BANESCO_QA_API_URL": f"{bank}/v1",
            "BANESCO_QA_AUTH_URL": f"{bank}/token",
            "WEBHOOKS_ALLOW_PRIVATE": "true",
            "LOG_LEVEL": "WARNING",
        }
        processes = Processes(database_url=url, folder=Path(folder), settings=settings)
        server = subprocess.Popen(
            [sys.executable, "-m", "bench.slow_server", str(port)], cwd=PROJECT_ROOT
        )
        try:
            processes.migrate()
            processes.add_demo_data()
            plausible.load(url, given.rows, cashiers=cashiers(url))
            database = Database(url)
            claims(database, given.rows)
            asked(processes, database, given.payments)
            sent(processes, database, f"{bank}/hook/", given.receivers, given.messages)
        finally:
            processes.stop()
            server.terminate()
            server.wait(10)
    return 0


class Database:
    """The database of the measurement, one statement at a time."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url.replace("+psycopg2", ""))
        self._connection.autocommit = True

    def run(self, statement: str, *values: Any) -> Any:
        """Run a statement; returns the first value of its first row, if it has any."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None


def claims(database: Database, rows: int) -> None:
    """Print what finding the payment that is longest overdue costs, with few and with many due."""
    say(f"Claiming one of {rows} payments")
    for due in (500, min(50_000, rows // 2)):
        database.run("UPDATE transactions SET next_check_at = NULL WHERE next_check_at IS NOT NULL")
        database.run(DUE, due)
        database.run("VACUUM (ANALYZE) transactions")
        plans = [database.run(CLAIM)[0] for _ in range(5)]
        best = min(plans, key=lambda plan: plan["Execution Time"])
        pages = best["Plan"]["Shared Hit Blocks"] + best["Plan"]["Shared Read Blocks"]
        say(f"  {due} due", f"{best['Execution Time']:.3f} ms, {pages} pages")


def asked(processes: Processes, database: Database, payments: int) -> None:
    """Let one worker ask about so many payments, and print how many it asked about in a second."""
    database.run("UPDATE transactions SET next_check_at = NULL WHERE next_check_at IS NOT NULL")
    database.run(DUE, payments)
    left = "SELECT count(*) FROM transactions WHERE next_check_at <= now()"
    say(f"Asking a bank that takes {BANK_SECONDS * 1000:.0f} ms")
    _drain(processes, lambda: int(database.run(left)), payments, "checks")
    worst = database.run(
        "SELECT max(times) FROM (SELECT count(*) AS times FROM bank_calls GROUP BY subject) AS calls"
    )
    say("  most calls about one payment", f"{worst}")


def sent(
    processes: Processes, database: Database, hook: str, receivers: int, messages: int
) -> None:
    """Let one worker send so many messages, and print how many it delivered in a second."""
    database.run(WEBHOOKS, hook, receivers, messages // receivers)
    database.run("VACUUM (ANALYZE) webhook_deliveries")
    left = "SELECT count(*) FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL"
    say(f"Sending to {receivers} receivers that take {RECEIVER_SECONDS * 1000:.0f} ms")
    _drain(processes, lambda: int(database.run(left)), messages, "messages")


def _drain(processes: Processes, left: Callable[[], int], all_of_them: int, what: str) -> None:
    """Run a worker until nothing is left; the rate is taken between a tenth and nine tenths."""
    name = f"worker of {what}"
    processes.start_worker(name)
    marks: list[tuple[float, float, int]] = []

    def nearly_done() -> bool:
        remaining = left()
        if remaining <= all_of_them * 0.9:
            marks.append((time.monotonic(), _cpu_seconds(processes.pid_of(name)), remaining))
        return remaining <= all_of_them * 0.1

    wait_until(nearly_done, seconds=600, describe=f"the {what} are done")
    processes.stop_worker(name)
    (begun, cpu, first), (ended, cpu_after, last) = marks[0], marks[-1]
    done = max(first - last, 1)
    say(f"  {what} a second", f"{done / (ended - begun):.0f}")
    say("  CPU of the worker for one", f"{(cpu_after - cpu) / done * 1000:.1f} ms")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    raise SystemExit(main())
