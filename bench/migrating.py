"""Migrations on a large database while payments are logged and moved: how long the desks wait.

    python -m bench.migrating --from 0014 [--rows 1000000] [--keep]

Loads plausible payments into a database of an older revision, lets two writers log and move payments one after the other, and runs
`flask db upgrade` meanwhile. Afterwards every kept total is compared with the payments.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

from bench import flat_database
from bench.harness import say
from tests.e2e.processes import Processes

WRITERS = 2
BOUND = 1.0
LOG = """
INSERT INTO transactions (transaction_id, bank, reference, reference_key, customer_full_name, customer_name_search,
  customer_phone, customer_national_id, amount, created_by)
SELECT 'MOVE-' || %(number)s, 'BANESCO', %(number)s, %(number)s, 'Rosa Villegas', 'rosa villegas', '04141234567', 'V9876543',
  12.50, id FROM users WHERE email = 'caja1@bench.test' RETURNING id
"""
MOVE = "UPDATE transactions SET status = 'COMPLETED', bank_amount = amount WHERE id = %s"


@dataclass
class Writer:
    """Logs a payment and moves it, again and again, and remembers how long each commit took."""

    url: str
    number: int
    stopping: threading.Event
    seconds: list[float] = field(default_factory=list)

    def work(self) -> None:
        """Write until told to stop."""
        connection = psycopg2.connect(self.url)
        while not self.stopping.is_set():
            self.number += 1
            begun = time.perf_counter()
            with connection, connection.cursor() as cursor:
                cursor.execute(LOG, {"number": str(self.number)})
                (row_id,) = cursor.fetchone() or (None,)
            between = time.perf_counter()
            with connection, connection.cursor() as cursor:
                cursor.execute(MOVE, (row_id,))
            self.seconds += [between - begun, time.perf_counter() - between]
            time.sleep(0.01)
        connection.close()


def main() -> int:
    """Measure and print; 1 where a writer waited longer than a second."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--from", dest="revision", required=True, help="the revision to begin at")
    parser.add_argument("--keep", action="store_true", help="keep the database")
    given = parser.parse_args()
    with flat_database.databases(keep=given.keep, revision=given.revision) as database:
        url = database(given.rows)
        stopping = threading.Event()
        writers = [
            Writer(url.replace("+psycopg2", ""), 9_000_000_000 + place * 1_000_000, stopping)
            for place in range(WRITERS)
        ]
        threads = [threading.Thread(target=writer.work) for writer in writers]
        for thread in threads:
            thread.start()
        time.sleep(2)
        took, said = _upgrade(url)
        stopping.set()
        for thread in threads:
            thread.join()
    seconds = sorted(one for writer in writers for one in writer.seconds)
    say("rows, and from which revision", f"{given.rows:,}, {given.revision}")
    say("the migrations took", f"{took:.1f} s")
    say("payments written meanwhile, commits", str(len(seconds)))
    say(
        "a commit: median, longest",
        f"{statistics.median(seconds) * 1000:.1f} ms, {seconds[-1]:.3f} s",
    )
    say("the totals afterwards", said)
    return 1 if seconds[-1] > BOUND else 0


def _upgrade(url: str) -> tuple[float, str]:
    """Run the migrations and prove the totals; return the seconds, and what the proof says."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        processes = Processes(database_url=url, folder=Path(folder))
        try:
            begun = time.perf_counter()
            processes.migrate()
            took = time.perf_counter() - begun
            return took, processes.prove_totals()
        finally:
            processes.stop()


if __name__ == "__main__":
    raise SystemExit(main())
