"""What pages cost a web process: processor time of one request after the other, and what goes over the line.

    python -m bench.page_cost [--rows 20000] [--requests 200]

Loads plausible payments by COPY and asks the application in this process, as a signed-in supervisor whose browser takes gzip.
bench/README.md says how to read it.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Mapping

from flask import Flask
from flask_migrate import upgrade

from bench import plausible
from bench.harness import databases, say
from tests.support.counting import counted_statements
from tests.support.pages import Browser
from tests.support.people import Cast, create_cast
from webapp import create_app
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.transactions.totals import keeping

GZIP = {"Accept-Encoding": "gzip"}
PART = {"HX-Request": "true"}
STATE = re.compile(r'If-None-Match": "\\"(\w+)')


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000, help="payments in the database")
    parser.add_argument("--requests", type=int, default=200, help="of each page")
    given = parser.parse_args()
    with databases() as make, tempfile.TemporaryDirectory() as folder:
        app = _application(make(), folder)
        with app.app_context():
            cast = _loaded(app, given.rows)
            _measure(Browser(app).sign_in(cast.supervisor), given.requests)
            db.engine.dispose()
    return 0


def _application(url: str, folder: str) -> Flask:
    return create_app(
        Settings.from_environment(
            {
                "DATABASE_URL": url,
                "DATA_DIR": folder,
                "SECRET_KEY": "a-secret-of-the-measurements",
                "LOG_LEVEL": "WARNING",
            }
        )
    )


def _loaded(app: Flask, rows: int) -> Cast:
    upgrade()
    cast = create_cast()
    cashiers = [str(cast.cashier.id), str(cast.other_cashier.id)]
    plausible.load(app.config["SQLALCHEMY_DATABASE_URI"], rows, cashiers=cashiers)
    while keeping.fold():
        pass
    db.session.remove()
    return cast


def _measure(browser: Browser, requests: int) -> None:
    in_process = _first_link(browser, "/transactions?status=IN_PROGRESS")
    cases: list[tuple[str, str, Mapping[str, str]]] = [
        ("list", "/transactions", {}),
        ("list, by status", "/transactions?status=TO_REVIEW", {}),
        ("list, the rows for HTMX", "/transactions", PART),
        ("list, a poll without news", "/transactions", _poll(browser, "/transactions")),
        ("one payment", in_process, {}),
        ("one payment, a poll without news", in_process, _poll(browser, in_process)),
        ("Inicio", "/", {}),
        ("review queue", "/reviews", {}),
        ("new payment", "/transactions/new", {}),
    ]
    floor = _cpu(browser, "/health", {}, requests)
    say("", "ms of CPU   times /health   bytes   statements")
    say("/health", f"{floor:9.2f}")
    for name, path, headers in cases:
        cpu = _cpu(browser, path, headers, requests)
        with counted_statements() as statements:
            answer = browser.client.get(path, headers={**GZIP, **headers})
        say(name, f"{cpu:9.2f} {cpu / floor:15.1f} {len(answer.data):7} {len(statements):12}")


def _first_link(browser: Browser, url: str) -> str:
    links = [link for link in browser.get(url).links if link.startswith("/transactions/HIS-")]
    return links[0]


def _poll(browser: Browser, url: str) -> dict[str, str]:
    state = STATE.search(browser.get(url).source)
    return {**PART, "If-None-Match": f'"{state[1]}"'} if state else PART


def _cpu(browser: Browser, path: str, headers: Mapping[str, str], requests: int) -> float:
    """Return the median milliseconds that this process computes for one request, the client included."""
    spent = []
    for _ in range(requests):
        begun = time.process_time()
        browser.client.get(path, headers={**GZIP, **headers})
        spent.append((time.process_time() - begun) * 1000)
    return statistics.median(spent[requests // 10 :])


if __name__ == "__main__":
    raise SystemExit(main())
