"""The product in production behind the proxy that is shipped: half-sent requests hold up nobody."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests

from tests.e2e.processes import Processes
from tests.e2e.visitor import Visitor
from tests.support.databases import DatabaseMaker
from tests.support.proxy import Proxy, nginx

pytestmark = pytest.mark.processes

HALF_SENT = 60
"""More than the two web processes have threads (2 x 8), of each kind."""
DRIP_SECONDS = 0.5
PROMPT_SECONDS = 10
"""A request that waits for a held thread would wait for ever."""
PERSON = "maria@clinic.example"


@pytest.fixture(scope="module")
def product(
    new_database: DatabaseMaker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    """The web in production, with one person."""
    settings = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": secrets.token_hex(32),
        "ALLOWED_HOSTS": "localhost",
        "TRUSTED_PROXY_HOPS": "1",
    }
    folder = tmp_path_factory.mktemp("production")
    running = Processes(database_url=new_database(), folder=folder, settings=settings)
    try:
        running.migrate()
        running.create_user(PERSON, role="admin")
        running.start_web()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def proxy(product: Processes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with nginx(tmp_path_factory.mktemp("nginx"), product.web_port) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def trust(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.certificate.path))


@contextmanager
def half_sent(proxy: Proxy, beginning: bytes, drops: bytes) -> Iterator[None]:
    """Begin many requests, and send a byte of each now and then, without an end."""
    context = ssl.create_default_context(cafile=str(proxy.certificate.path))
    with ExitStack() as stack:
        lines = []
        for _ in range(HALF_SENT):
            plain = socket.create_connection(("localhost", proxy.port), timeout=PROMPT_SECONDS)
            line = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            line.sendall(beginning)
            lines.append(line)
        over = threading.Event()

        def drip() -> None:
            while not over.wait(DRIP_SECONDS):
                for line in lines:
                    with suppress(OSError):
                        line.sendall(drops)

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        yield
        over.set()
        dripping.join()


@pytest.mark.parametrize(
    ("beginning", "drops"),
    [
        (b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"a"),
        (
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{",
            b" ",
        ),
    ],
    ids=["headers", "bodies"],
)
def test_requests_that_are_never_finished_hold_up_nobody(
    proxy: Proxy, beginning: bytes, drops: bytes
):
    with half_sent(proxy, beginning, drops):
        for _ in range(20):
            answer = requests.get(f"{proxy.url}/login", timeout=PROMPT_SECONDS)
            assert answer.status_code == 200
        person = Visitor(proxy.url, PERSON)
        assert person.get("/transactions").status_code == 200


def test_the_cookie_travels_by_https_only_and_plain_requests_are_sent_there(proxy: Proxy):
    person = Visitor(proxy.url, PERSON)
    assert {cookie.secure for cookie in person.session.cookies} == {True}
    answer = requests.get(
        f"{proxy.plain_url}/transactions?q=1", timeout=PROMPT_SECONDS, allow_redirects=False
    )
    assert answer.status_code == 308
    assert answer.headers["Location"] == "https://localhost/transactions?q=1"


def test_nobody_but_the_proxy_says_who_asks_and_by_which_name(proxy: Proxy):
    claimed = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-For": "10.9.9.9",
    }
    answer = requests.get(
        f"{proxy.url}/transactions", headers=claimed, timeout=PROMPT_SECONDS, allow_redirects=False
    )
    assert answer.status_code == 303
    assert "evil.example" not in answer.headers["Location"]


def test_what_is_too_large_is_refused_in_the_applications_words(proxy: Proxy):
    answer = requests.post(
        f"{proxy.url}/api/v1/auth/login",
        data=b"x" * (1024 * 1024 + 1),
        headers={"Content-Type": "application/json"},
        timeout=PROMPT_SECONDS,
    )
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_the_metrics_stay_inside(proxy: Proxy, product: Processes):
    assert requests.get(f"{proxy.url}/metrics", timeout=PROMPT_SECONDS).status_code == 404
    direct = f"http://localhost:{product.web_port}/metrics"
    assert requests.get(direct, timeout=PROMPT_SECONDS).status_code == 200
