"""Limits on requests by token and address: exact over several processes, and shown in headers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.outage import closed_port
from tests.support.people import Cast
from tests.support.programs import Program, check_problem
from tests.support.threads import together
from webapp import create_app
from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.throttling import request_rate
from webapp.throttling.attempts import limiter
from webapp.throttling.request_rate import PostgresStore, RedisStore, RequestLimits

Maker = Callable[..., Flask]
REDIS = pytest.mark.skipif(
    not os.environ.get("TEST_REDIS_URL"), reason="TEST_REDIS_URL names no Redis server"
)


@pytest.fixture
def app_for(app: Flask, database_url: str, tmp_path: Path) -> Iterator[Maker]:
    """Return a function that makes applications with other settings on the same database, each like another process."""
    made: list[Flask] = []
    before = dict(vars(limiter))

    def make(**settings: str) -> Flask:
        fixed = {
            "DATABASE_URL": database_url,
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": "a-secret-of-the-tests-only",
            # At midnight a window of a whole day would be one row with that hour of the application itself.
            "RATE_LIMIT_PERIOD": "86399",
        }
        made.append(create_app(Settings.from_environment({**fixed, **settings})))
        return made[-1]

    yield make
    vars(limiter).clear()
    vars(limiter).update(before)
    for other in made:
        with other.app_context():
            db.engine.dispose()


def program(app: Flask, token: str, address: str = "127.0.0.1") -> Callable[[], Any]:
    """Make one request with this token from this address."""

    def send() -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return app.test_client().get(
            "/api/v1/auth/me", headers=headers, environ_overrides={"REMOTE_ADDR": address}
        )

    return send


def test_every_response_says_how_much_is_left(integrator: Program, stranger: Program):
    for answer in (
        integrator.get("/transactions"),
        integrator.get("/transactions/nothing"),
        integrator.get("/nowhere"),
        integrator.call("PUT", "/transactions"),
        integrator.post("/transactions", {}),
        stranger.get("/transactions"),
        stranger.post("/auth/login", {}),
    ):
        assert answer.headers["RateLimit-Policy"] == '"default";q=5000;w=3600'
        found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
        assert found
        assert 4900 < int(found[1]) < 5000
        assert 0 < int(found[2]) <= 3600
        assert "Retry-After" not in answer.headers


def test_two_processes_count_together(integrator: Program, app_for: Maker, cast: Cast):
    processes = [app_for(RATE_LIMIT_REQUESTS="6"), app_for(RATE_LIMIT_REQUESTS="6")]
    sends = [program(process, integrator.token) for process in processes] * 4
    answers = [send() for send in sends]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429] * 2
    left = [int(re.findall(r"r=(\d+)", answer.headers["RateLimit"])[0]) for answer in answers]
    assert left == [5, 4, 3, 2, 1, 0, 0, 0]
    check_problem(answers[-1])
    assert answers[-1].get_json()["code"] == "too_many_requests"
    seconds = int(answers[-1].headers["Retry-After"])
    assert 0 < seconds <= 86400
    assert answers[-1].headers["RateLimit"].endswith(f";t={seconds}")


def test_under_pressure_from_two_processes_exactly_the_limit_passes(
    integrator: Program, app_for: Maker
):
    processes = [app_for(RATE_LIMIT_REQUESTS="40"), app_for(RATE_LIMIT_REQUESTS="40")]
    sends = [program(process, integrator.token) for process in processes] * 16
    statuses = [a.status_code for _ in range(2) for a in together(processes[0], sends)]
    assert statuses.count(200) == 40
    assert statuses.count(429) == 24


def test_a_token_and_an_address_have_limits_of_their_own(
    integrator: Program, cashier_program: Program, app_for: Maker
):
    other = app_for(RATE_LIMIT_REQUESTS="3")
    first = [program(other, integrator.token, f"10.0.0.{n}")().status_code for n in range(5)]
    assert first == [200, 200, 200, 429, 429]
    assert program(other, cashier_program.token, "10.0.0.99")().status_code == 200
    tokens = (cashier_program.token, "", "nonsense", cashier_program.token, "")
    by_address = [program(other, token, "10.0.1.1")().status_code for token in tokens]
    assert by_address == [200, 401, 401, 429, 429]


def test_requests_without_a_token_and_to_unknown_paths_count(app_for: Maker):
    other = app_for(RATE_LIMIT_REQUESTS="2")
    client = other.test_client()
    paths = ["/api/v1/nowhere", "/api/v1/transactions", "/api/v1/nowhere", "/api/v1/transactions"]
    assert [client.get(path).status_code for path in paths] == [404, 401, 429, 429]
    assert client.get("/login").status_code == 200
    assert client.options("/api/v1/transactions").status_code == 204


def test_one_ipv6_network_is_one_address(app_for: Maker):
    other = app_for(RATE_LIMIT_REQUESTS="2")
    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:1::1"]
    assert [program(other, "", a)().status_code for a in addresses] == [401, 401, 429, 401]
    mapped = ["::ffff:10.9.9.9", "10.9.9.9", "10.9.9.9", "::ffff:10.9.9.8"]
    assert [program(other, "", a)().status_code for a in mapped] == [401, 401, 429, 401]


@pytest.mark.parametrize(
    ("hops", "claimed", "statuses"),
    [
        ("0", ["1.1.1.1", "2.2.2.2", "3.3.3.3"], [401, 401, 429]),
        ("1", ["1.1.1.1", "2.2.2.2", "3.3.3.3"], [401, 401, 401]),
        ("1", ["6.6.6.1, 9.9.9.9", "6.6.6.2, 9.9.9.9", "6.6.6.3, 9.9.9.9"], [401, 401, 429]),
        ("2", ["6.6.6.1, 5.5.5.5, 9.9.9.9"] * 3, [401, 401, 429]),
        ("2", ["5.5.5.1, 9.9.9.9", "5.5.5.2, 9.9.9.9", "5.5.5.3, 9.9.9.9"], [401, 401, 401]),
    ],
)
def test_only_the_configured_number_of_proxies_is_trusted(
    app_for: Maker, hops: str, claimed: list[str], statuses: list[int]
):
    other = app_for(RATE_LIMIT_REQUESTS="2", TRUSTED_PROXY_HOPS=hops)
    client = other.test_client()
    found = [
        client.get("/api/v1/auth/me", headers={"X-Forwarded-For": value}).status_code
        for value in claimed
    ]
    assert found == statuses


def test_counters_hold_no_names_or_addresses(integrator: Program, cast: Cast):
    integrator.get("/transactions")
    rows = db.session.execute(
        text("SELECT * FROM rate_limits WHERE resource_type = 'REQUESTS'")
    ).all()
    assert rows
    assert "127.0.0.1" not in str(rows)


def test_an_account_is_locked_after_failures_from_many_addresses(app: Flask, cast: Cast):
    sent = {"email": cast.cashier.email, "password": "wrong password"}
    answers = [
        app.test_client().post(
            "/api/v1/auth/login",
            json=sent,
            environ_overrides={"REMOTE_ADDR": f"10.1.{number // 5}.1"},
        )
        for number in range(51)
    ]
    assert [answer.status_code for answer in answers] == [401] * 50 + [429]


def counter(limit: int) -> RequestLimits:
    return RequestLimits(PostgresStore(), limit, 86400)


def test_frequent_callers_are_counted_in_advance_and_never_exceed_the_limit(
    app: Flask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(request_rate, "OFTEN_SECONDS", 60.0)
    processes = [counter(20_000), counter(20_000)]
    statements = 0
    store_add = PostgresStore.add

    def add(self: PostgresStore, *args: Any, **more: Any) -> dict[str, int]:
        nonlocal statements
        statements += 1
        return store_add(self, *args, **more)

    monkeypatch.setattr(PostgresStore, "add", add)
    passed = sum(process.take(["token a"]).allowed for _ in range(11_000) for process in processes)
    assert passed <= 20_000
    assert passed >= 20_000 - 2 * 20_000 // request_rate.SHARE
    assert statements < 6_000
    assert not any(process.take(["token a"]).allowed for process in processes)


def test_many_threads_of_one_process_are_counted_exactly(
    app: Flask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(request_rate, "OFTEN_SECONDS", 60.0)
    one = counter(3_000)

    def spend() -> int:
        return sum(one.take(["token a", "address b"]).allowed for _ in range(500))

    assert sum(together(app, [spend] * 8)) == 3_000


def test_a_new_window_starts_from_zero(app: Flask):
    moments = iter([1_000.0, 1_030.0, 1_059.9, 1_060.0, 1_061.0])
    one = RequestLimits(PostgresStore(), 1, 60, now=lambda: next(moments) + 1_800_000_000 - 40)
    taken = [one.take(["token a"]) for _ in range(5)]
    assert [usage.allowed for usage in taken] == [True, False, False, True, False]
    assert [usage.reset for usage in taken] == [60, 30, 1, 60, 59]


def test_with_redis_away_each_process_counts_by_itself(app: Flask):
    one = RequestLimits(RedisStore(f"redis://127.0.0.1:{closed_port()}/0"), 3, 86400)
    assert [one.take(["token a"]).allowed for _ in range(5)] == [True, True, True, False, False]


@pytest.mark.redis
@REDIS
def test_redis_counts_for_all_processes(app: Flask):
    url = os.environ["TEST_REDIS_URL"]
    processes = [RequestLimits(RedisStore(url), 5, 86400) for _ in range(2)]
    caller = [f"token {os.urandom(8).hex()}"]
    allowed = [process.take(caller).allowed for _ in range(4) for process in processes]
    assert allowed == [True] * 5 + [False] * 3
    assert db.session.scalar(text("SELECT count(*) FROM rate_limits")) == 0
