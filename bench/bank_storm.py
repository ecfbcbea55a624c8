"""Many people and processes ask about the same payments at once: whether the limit holds and pages stay quick.

    python -m bench.bank_storm [--seconds 90]

Real processes (gunicorn, `flask worker`, `flask sandbox`, PostgreSQL) on loopback only. It stops by
itself, and exits 1 where the limit was broken. bench/README.md says how to read what it prints.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import requests

from bench.harness import LIMIT, databases, running, say
from tests.e2e.processes import Processes
from tests.e2e.visitor import Visitor, reference

PEOPLE = 50
CONTESTED = (600, 600, 600, 600, 410, 800)
"""Families of the payments that everybody asks about (docs/sandbox.md): never seen, for ever pending, HTTP 500."""
ROUNDS, SAMPLES = 4, 12
THINKING = 2.0
"""Seconds that a person looks at the answer before asking again, where pages are measured."""


def main() -> int:
    """Run both measurements; returns the exit code, 1 where the bank was asked more often than allowed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=90, help="how long the storm lasts")
    seconds = min(max(parser.parse_args().seconds, 10), 600)
    with databases() as make:
        with running(make(), web_workers=8, pool="4") as processes:
            worst = storm(processes, seconds)
        with running(make(), web_workers=2, pool="20") as processes:
            pages(processes)
    return 0 if worst <= LIMIT else 1


class Person:
    """One of many people, with a connection of their own, in the session of one sign-in."""

    def __init__(self, visitor: Visitor) -> None:
        self.base = visitor.base
        self.session = requests.Session()
        self.session.cookies.update(visitor.session.cookies)
        self.token = visitor.hidden("/transactions/new")["csrf_token"]

    def check(self, page: str) -> str:
        """Ask about a payment; returns the web's HTTP status, or the kind of failure."""
        try:
            answer = self.session.post(
                f"{self.base}{page}/check",
                data={"csrf_token": self.token},
                headers={"Connection": "close"},
                timeout=30,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return type(error).__name__
        return str(answer.status_code)


@contextmanager
def crowd(
    visitor: Visitor, page_of: Callable[[int, int], str], *, pause: float
) -> Iterator[Counter[str]]:
    """Let PEOPLE ask, each in a thread, while the block runs; yields how often each answer came."""
    answers: Counter[str] = Counter()
    over, lock = threading.Event(), threading.Lock()
    people = [Person(visitor) for _ in range(PEOPLE)]

    def ask(number: int) -> None:
        turn = number
        while not over.is_set():
            answer = people[number].check(page_of(number, turn))
            turn += 1
            with lock:
                answers[answer] += 1
            over.wait(pause)

    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(PEOPLE)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join(35)


def storm(processes: Processes, seconds: int) -> int:
    """Let everybody ask about the same payments; returns the most calls about one in any 60 s."""
    visitor = Visitor(processes.web_url, "supervisora@demo.test")
    contested = [visitor.log(reference(family)) for family in CONTESTED]
    _wait_for_the_minute(seconds)
    begun = time.time()
    with crowd(visitor, lambda _person, turn: contested[turn % len(contested)], pause=0) as answers:
        time.sleep(seconds / 3)
        processes.kill_web_worker()
        time.sleep(seconds / 3)
        processes.kill_worker()
        processes.start_worker()
        time.sleep(seconds / 3)
    minutes = int(time.time() // 60) - int(begun // 60)
    calls = processes.bank.calls()
    worst = processes.bank.worst_window()
    questions = sum(answers.values())
    say("The limit, at the bank")
    say("  worst sliding window of 60 s", f"{worst} calls about one payment (allowed: {LIMIT})")
    say(
        "  questions of people",
        f"{questions} by {PEOPLE} at once, over 8 web processes and a worker",
    )
    say("  answers of the web", ", ".join(f"{n} x {kind}" for kind, n in answers.most_common()))
    say(
        "  calls that reached the bank",
        f"{len(calls)} about {len(contested)} payments and the demo's",
    )
    say("  calls per question", f"{len(calls) / questions:.4f}")
    say("  minute boundaries crossed", str(minutes))
    say("  killed by kill -9 meanwhile", "one web process, one worker; both came back")
    return worst


def _wait_for_the_minute(seconds: int) -> None:
    """Wait so that a minute's boundary falls into the middle of a short storm: fixed windows fail there."""
    if seconds < 120:
        time.sleep((60 - seconds / 2 - time.time()) % 60)


def pages(processes: Processes) -> None:
    """Print how much slower pages become while many check, and while the bank hangs on every call as well.

    Measured in turns, so that other work of the machine affects all three alike.
    """
    visitor = Visitor(processes.web_url, "supervisora@demo.test")
    cashier = Visitor(processes.web_url, "cajera@demo.test")
    own = [visitor.log(reference(600)) for _ in range(PEOPLE)]
    quiet, well, hanging = Timed(cashier), Timed(cashier), Timed(cashier)
    Timed(cashier).measure()  # everything is warm
    for _round in range(ROUNDS):
        quiet.measure()
        with crowd(visitor, lambda person, _turn: own[person], pause=THINKING):
            time.sleep(THINKING)
            well.measure()
            processes.bank.fail("hang")
            time.sleep(THINKING + 4)
            hanging.measure()
            processes.bank.mend()
    hung = sum(1 for call in processes.bank.calls() if call["outcome"] == "hang")
    say("")
    say(f"Pages, medians of {ROUNDS * SAMPLES}, while {PEOPLE} people check (2 web processes)")
    for name in ("logging", "listing"):
        slow, usual, alone = (median(getattr(timed, name)) for timed in (hanging, well, quiet))
        say(f"  {name}: bank hangs / bank well", f"{slow / usual:.2f} (aim: at most 2)")
        say(f"  {name}: bank hangs / nobody checks", f"{slow / alone:.2f}")
    say("  calls that hung at the bank", str(hung))


class Timed:
    """The seconds that logging a payment and opening the list took."""

    def __init__(self, cashier: Visitor) -> None:
        self._cashier = cashier
        self.logging: list[float] = []
        self.listing: list[float] = []

    def measure(self) -> None:
        """Take SAMPLES more of each."""
        for _sample in range(SAMPLES):
            self.logging.append(_log(self._cashier))
            self.listing.append(_list(self._cashier))


def _log(cashier: Visitor) -> float:
    fields = {**cashier.hidden("/transactions/new"), **cashier.payment(reference(600))}
    begun = time.perf_counter()
    answer = cashier.post("/transactions/new", fields)
    taken = time.perf_counter() - begun
    if answer.status_code != 303:
        raise SystemExit(f"a payment was not logged: HTTP {answer.status_code}")
    return taken


def _list(cashier: Visitor) -> float:
    begun = time.perf_counter()
    answer = cashier.get("/transactions")
    taken = time.perf_counter() - begun
    if answer.status_code != 200:
        raise SystemExit(f"the list did not come: HTTP {answer.status_code}")
    return taken


if __name__ == "__main__":
    raise SystemExit(main())
