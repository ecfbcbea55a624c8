"""The product with PgBouncer before its database, in the mode in which a connection is lent for one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.e2e.processes import NEXT_CHECK_SECONDS, Processes, wait_until
from tests.e2e.visitor import Visitor, amount_of, reference
from tests.support.databases import DatabaseMaker
from tests.support.pooler import Pooler, pgbouncer
from tests.test_errors import other_app
from webapp.development.demo import DEMO_PASSWORD
from webapp.kernel.database import db

pytestmark = pytest.mark.processes

PEOPLE = 20
"""More than the two web processes have threads."""


@pytest.fixture(scope="module")
def pooler(
    new_database: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pooler]:
    with pgbouncer(tmp_path_factory.mktemp("pgbouncer"), new_database()) as running:
        yield running


@pytest.fixture(scope="module")
def product(pooler: Pooler, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Everything behind the pool: migrations, demo data, web, worker and the sandbox."""
    running = Processes(database_url=pooler.url, folder=tmp_path_factory.mktemp("pooled"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def cashier(product: Processes) -> Visitor:
    return Visitor(product.web_url, "cajera@demo.test")


@pytest.fixture(scope="module")
def supervisor(product: Processes) -> Visitor:
    return Visitor(product.web_url, "supervisora@demo.test")


def test_the_limits_hold_for_every_connection(pooler: Pooler, product: Processes):
    engine = create_engine(pooler.url)
    with engine.connect() as connection:
        for name, value in (
            ("statement_timeout", "15s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "1min"),
            ("timezone", "UTC"),
        ):
            assert connection.scalar(text(f"SHOW {name}")) == value
    engine.dispose()


def test_the_product_knows_whether_its_limits_hold(
    product: Processes, new_database: DatabaseMaker, tmp_path: Path
):
    ready = requests.get(f"{product.web_url}/health/ready", timeout=60)
    assert ready.json()["checks"]["limits"] == "ok"
    with pgbouncer(tmp_path, new_database.migrated(), with_limits=False) as careless:
        app = other_app(careless.url, tmp_path)
        lost = app.test_client().get("/health/ready")
        with app.app_context():
            db.engine.dispose()
    assert lost.status_code == 200
    assert lost.get_json()["checks"]["limits"] == "missing"


def test_a_payment_is_logged_verified_and_counted(product: Processes, cashier: Visitor):
    before = counted(cashier, "COMPLETED")
    path = cashier.log(reference(100))
    cashier.sees(path, "Verificado", seconds=60)
    assert counted(cashier, "COMPLETED") == before + 1


def test_what_the_worker_finds_out_reaches_the_page(product: Processes, cashier: Visitor):
    late = reference(100)
    product.bank.fail("500", prefix=late)
    path = cashier.log(late)
    product.wait_until_nobody_asks()
    product.bank.mend()
    product.let_time_pass(NEXT_CHECK_SECONDS * 40)
    cashier.sees(path, "Verificado", seconds=60)


def test_a_supervisor_decides(cashier: Visitor, supervisor: Visitor):
    path = cashier.log(reference(200))
    cashier.sees(path, "Por revisar", seconds=60)
    answer = supervisor.review(path, "approve", "Vi el estado de cuenta")
    assert answer.status_code == 303
    assert supervisor.status(path) == "Verificado"


def test_many_at_once_are_served_and_no_reference_is_taken_twice(
    product: Processes, cashier: Visitor
):
    taken = reference(600)
    given = {"email": "integrador@demo.test", "password": DEMO_PASSWORD}
    tokens = requests.post(f"{product.web_url}/api/v1/auth/login", json=given, timeout=60)
    headers = {"Authorization": f"Bearer {tokens.json()['access_token']}"}

    def log(number: int) -> int:
        body = {
            "transaction_id": f"POOLED-{number}",
            "bank": "BANESCO",
            "reference": taken,
            "amount": amount_of(taken).replace(",", "."),
            "customer": {
                "full_name": "Rosa Villalobos",
                "phone": "04141234567",
                "national_id": "V12345678",
            },
        }
        url = f"{product.web_url}/api/v1/transactions"
        return requests.post(url, json=body, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(PEOPLE) as people:
        statuses = list(people.map(log, range(PEOPLE)))
    assert sorted(statuses) == [201] + [409] * (PEOPLE - 1)


def test_the_totals_are_folded_and_proved(product: Processes, cashier: Visitor):
    def is_folded() -> bool:
        with product.database.connect() as connection:
            return not connection.scalar(text("SELECT count(*) FROM transaction_total_changes"))

    wait_until(is_folded, seconds=30, describe="the worker folded every change")
    product.run("totals", "verify")


def counted(person: Visitor, status: str) -> int:
    page = person.get(f"/transactions?status={status}").text
    return page.count('class="row-link"')
