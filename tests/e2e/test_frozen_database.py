"""Every process of PostgreSQL is stopped: all get an honest 503 in time, and all works again afterwards."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.e2e.processes import Processes, wait_until
from tests.e2e.visitor import Visitor, reference
from tests.support.freezing import frozen
from tests.support.programs import payment
from webapp.development.demo import DEMO_PASSWORD
from webapp.development.postgres import EmbeddedPostgres

pytestmark = pytest.mark.processes

BOUND_SECONDS = 7.0
RECOVERY_SECONDS = 5.0
ALL_THREADS = 20
"""More requests at once than the two web processes have threads (2 x 8)."""


@dataclass
class Product:
    """The product on a PostgreSQL of its own."""

    server: EmbeddedPostgres
    processes: Processes
    database_url: str

    @property
    def url(self) -> str:
        return self.processes.web_url

    def stored(self, reference: str) -> int:
        """Return how many payments have this reference."""
        engine = create_engine(self.database_url)
        question = text("SELECT count(*) FROM transactions WHERE reference = :reference")
        try:
            with engine.connect() as connection:
                return int(connection.scalar(question, {"reference": reference}) or 0)
        finally:
            engine.dispose()


@pytest.fixture
def product() -> Iterator[Product]:
    with tempfile.TemporaryDirectory(prefix="areamedica-frozen-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # So that root's server, which runs as nobody, may enter it.
        server = EmbeddedPostgres(folder / "postgres", durable=False)
        url = server.acquire()
        processes = Processes(database_url=url, folder=folder)
        try:
            processes.start()
            yield Product(server, processes, url)
        finally:
            processes.stop()
            server.release()


@dataclass
class Reply:
    answer: requests.Response
    seconds: float


def timed(send: Callable[[], requests.Response]) -> Reply:
    begun = time.monotonic()
    answer = send()
    return Reply(answer, time.monotonic() - begun)


def test_everybody_is_told_in_time_and_nothing_is_lost_or_doubled(product: Product):
    cashier = Visitor(product.url, "cajera@demo.test")
    program = sign_in(product)
    form = {**cashier.hidden("/transactions/new"), **cashier.payment(reference(600))}
    body = payment(reference=reference(600))

    def log(body: dict[str, Any] = body) -> requests.Response:
        return program.post(f"{product.url}/api/v1/transactions", json=body, timeout=30)

    questions: list[Callable[[], requests.Response]] = [
        lambda: cashier.get("/transactions"),
        lambda: cashier.post("/transactions/new", form),
        lambda: program.get(f"{product.url}/api/v1/transactions", timeout=30),
        log,
        lambda: requests.get(f"{product.url}/health/ready", timeout=30),
    ]
    acknowledged = payment(reference=reference(600))
    assert log(acknowledged).status_code == 201
    with frozen(product.server), ThreadPoolExecutor(ALL_THREADS) as people:
        for _ in range(2):
            replies = list(people.map(timed, questions * (ALL_THREADS // len(questions))))
            assert {reply.answer.status_code for reply in replies} == {503}
            assert max(reply.seconds for reply in replies) < BOUND_SECONDS
        page, _, problem, _, ready = replies[:5]
        assert "no tiene conexión con su base de datos" in page.answer.text
        assert problem.answer.headers["Content-Type"] == "application/problem+json"
        assert problem.answer.json()["code"] == "unavailable"
        assert {page.answer.headers["Retry-After"], problem.answer.headers["Retry-After"]} == {"5"}
        assert ready.answer.json()["checks"]["database"] == "unreachable"

    reads = (questions[0], questions[2], questions[4])
    wait_until(
        lambda: {read().status_code for read in reads} == {200},
        seconds=RECOVERY_SECONDS,
        describe="pages, API and readiness answer again",
    )
    assert cashier.post("/transactions/new", form).status_code == 303
    assert log().status_code in (200, 201)
    for logged in (form["reference"], body["reference"], acknowledged["reference"]):
        assert product.stored(logged) == 1
    for name in ("web", "worker"):
        assert "Traceback" not in product.processes.log(name)
        assert product.processes.is_running(name)


def sign_in(product: Product) -> requests.Session:
    session = requests.Session()
    given = {"email": "integrador@demo.test", "password": DEMO_PASSWORD}
    answer = session.post(f"{product.url}/api/v1/auth/login", json=given, timeout=30)
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session
