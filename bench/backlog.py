"""How the workers catch up after an outage of the bank, with thousands of payments waiting, and how often they ask.

    python -m bench.backlog [--payments 5000]

Real processes (gunicorn, two `flask worker`, `flask sandbox`, PostgreSQL) on loopback only. It stops by
itself, and exits 1 where a payment was left behind or asked about too often. bench/README.md says how to read it.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import requests

from bench.harness import LIMIT, databases, running, say
from tests.e2e.processes import Processes
from webapp.development.demo import DEMO_PASSWORD

BATCH = 500
PATIENCE = 600.0
"""Seconds after which it gives up."""
PAYER = "Rosa Elena Espera"
APPROVED = 100
"""The sandbox's family of references that fit; the last six digits are the amount in céntimos."""


class Integrator:
    """The billing system that logs payments and reads the lists."""

    def __init__(self, processes: Processes) -> None:
        self._api = f"{processes.web_url}/api/v1"
        self._session = requests.Session()
        answer = self._session.post(
            f"{self._api}/auth/login",
            json={"email": "integrador@demo.test", "password": DEMO_PASSWORD},
            timeout=30,
        )
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def log(self, numbers: range) -> None:
        """Log one payment for each of the numbers, in one batch."""
        items = [_payment(number) for number in numbers]
        answer = self._session.post(
            f"{self._api}/transactions/batch", json={"items": items}, timeout=120
        )
        answer.raise_for_status()
        made = Counter(item["status"] for item in answer.json()["items"])
        if made != {201: len(items)}:
            raise SystemExit(f"not all were logged: {dict(made)}")

    def count(self, status: str) -> int:
        """Return how many of the payments logged here have this status."""
        of_ours = {"status": status, "q": PAYER, "size": "1"}
        answer = self._session.get(f"{self._api}/transactions", params=of_ours, timeout=60)
        answer.raise_for_status()
        total: int = answer.json()["total"]
        return total


def main() -> int:
    """Measure; returns the exit code, 0 where every payment was settled and the limit kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--payments", type=int, default=5000, help="how many wait")
    payments = min(max(parser.parse_args().payments, BATCH), 50_000)
    with databases() as make, running(make(), web_workers=2, pool="10") as processes:
        processes.start_worker("second worker")
        return 0 if drained(processes, payments) else 1


def drained(processes: Processes, payments: int) -> bool:
    """Let payments wait, bring the bank back, and watch; returns whether all went well."""
    integrator = Integrator(processes)
    processes.bank.fail("down")
    for first in range(1, payments + 1, BATCH):
        integrator.log(range(first, min(first + BATCH, payments + 1)))
    in_vain = len(processes.bank.calls())
    settled_during = integrator.count("COMPLETED")
    processes.bank.mend()
    begun = time.monotonic()
    settled, killed, first_after = 0, False, None
    while settled < payments and time.monotonic() - begun < PATIENCE:
        time.sleep(1)
        settled = integrator.count("COMPLETED")
        if settled and first_after is None:
            first_after = time.monotonic() - begun
        if settled > payments / 2 and not killed:
            processes.kill_worker("second worker")
            processes.start_worker("second worker")
            killed = True
    taken = time.monotonic() - begun
    worst = processes.bank.worst_window()
    answered = len(processes.bank.calls()) - in_vain
    say("A backlog after an outage (two workers, one killed by kill -9 halfway)")
    say(
        "  waiting when the bank came back",
        f"{payments} ({settled_during} settled during the outage)",
    )
    say("  calls in vain during the outage", f"{in_vain / payments:.4f} per payment")
    say("  settled", f"{settled} of {payments}")
    say("  until the first / until the last", f"{first_after or PATIENCE:.0f} s / {taken:.0f} s")
    say("  settled per second", f"{settled / taken:.1f}")
    say("  calls per payment after it", f"{answered / payments:.4f} (at least 1)")
    say("  worst sliding window of 60 s", f"{worst} calls about one payment (allowed: {LIMIT})")
    return settled == payments and worst <= LIMIT


def _payment(number: int) -> dict[str, object]:
    reference = f"{APPROVED}{number:06d}"
    return {
        "transaction_id": f"HIS-{reference}",
        "bank": "BANESCO",
        "reference": reference,
        "amount": f"{number / 100:.2f}",
        "transaction_type": "TRANSACTION",
        "customer": {
            "full_name": PAYER,
            "phone": "04141234567",
            "national_id": "V9876543",
            "concept": "Consulta",
        },
    }


if __name__ == "__main__":
    raise SystemExit(main())
