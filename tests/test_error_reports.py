"""Errors reach the collector as types and places: nothing that could name a person or hold a secret."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sentry_sdk

from webapp.kernel import error_reports
from webapp.kernel.config import Settings


class Collector(HTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.received: list[str] = []


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, Collector)
        self.server.received.append(body.decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    sentry_sdk.get_client().close(timeout=0)
    sentry_sdk.get_global_scope().set_client(None)


def fail_with(phone: str) -> BaseException:
    owner = "Rosa Elena Villegas"
    try:
        raise ValueError(f"{owner} has no {phone}")
    except ValueError as error:
        return error


def test_an_error_report_names_type_and_place_and_no_personal_data(
    settings: Settings, collector: Collector
):
    dsn = f"http://key@127.0.0.1:{collector.server_port}/1"
    report = error_reports.reporter(settings.model_copy(update={"sentry_dsn": dsn}))
    assert report is not None
    report(fail_with("04141234567"))
    sentry_sdk.flush(timeout=5)
    (sent,) = collector.received
    assert "ValueError" in sent
    assert "fail_with" in sent
    for private in ("04141234567", "Rosa", "Villegas", "has no", settings.secret_key):
        assert private not in sent


def test_without_a_collector_nothing_is_reported(settings: Settings):
    assert error_reports.reporter(settings) is None
