"""What pages weigh on the line: everything that a browser fetches, compressed, with its headers."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field

import pytest
from werkzeug.test import TestResponse

from tests.support import payments
from tests.support.bank import FakeGateway
from tests.support.pages import Browser, Page
from tests.support.people import PASSWORD, Cast

FIRST_VISIT = 100 * 1024
LATER_VISIT = 15 * 1024
PART = 8 * 1024
ROWS = 30
"""More than a page of the list has."""


@dataclass
class Line:
    """Counts what comes over the line to one browser, which keeps what is immutable."""

    browser: Browser
    kept: set[str] = field(default_factory=set)
    bytes: int = 0

    def visit(self, url: str, **headers: str) -> Page:
        """Open a page with everything that it names and the browser has not got."""
        answer = self._fetch("get", url, headers=headers)
        page = Page(answer)
        for tag, given in page.tags:
            source = given.get("href") if tag == "link" else given.get("src")
            if source and source not in self.kept:
                asset = self._fetch("get", source)
                assert asset.status_code == 200, source
                assert "immutable" in asset.headers["Cache-Control"], source
                self.kept.add(source)
        return page

    def send(self, url: str, data: dict[str, str]) -> TestResponse:
        return self._fetch("post", url, data=data)

    def _fetch(self, method: str, url: str, **sent: object) -> TestResponse:
        headers = {"Accept-Encoding": "gzip, deflate, br", **sent.pop("headers", {})}  # type: ignore[dict-item]
        answer = self.browser._send(method, url, headers=headers, **sent)
        head = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers)
        self.bytes += len(answer.data) + head
        if answer.headers.get("Content-Encoding") == "gzip":
            answer.set_data(gzip.decompress(answer.data))
        return answer

    def weight(self) -> int:
        """Return the bytes since the last question."""
        seen, self.bytes = self.bytes, 0
        return seen


@pytest.fixture
def line(anyone: Browser, cast: Cast, bank: FakeGateway) -> Line:
    for number in range(ROWS):
        names = ("María D'Angelo", "José Pérez-López", "Ñusta Rangel", "Luis Alfonzo Gil")
        payments.logged(cast.cashier, full_name=f"{names[number % 4]} {'ABCDEFGH'[number % 8]}")
    return Line(anyone)


def test_a_day_at_the_desk_is_light(line: Line, cast: Cast):
    token = line.visit("/login").inputs["csrf_token"]
    data = {"csrf_token": token, "email": cast.supervisor.email, "password": PASSWORD}
    assert line.send("/login", data).status_code == 303
    line.visit("/")
    line.visit("/transactions")
    assert line.weight() < FIRST_VISIT
    for url in ("/", "/transactions", "/transactions/new", "/reviews", "/transactions?page=2"):
        line.visit(url)
        assert line.weight() < LATER_VISIT, url


def test_parts_of_pages_are_lighter_than_pages(line: Line, cast: Cast):
    line.browser.sign_in(cast.cashier)
    line.visit("/transactions")
    whole = line.weight()
    line.visit("/transactions", **{"HX-Request": "true"})
    assert line.weight() < min(PART, whole)


def test_the_administration_is_light_as_well(line: Line, cast: Cast):
    line.browser.sign_in(cast.admin)
    line.visit("/transactions")
    line.weight()
    for url in ("/admin/users", "/admin/bank-calls", f"/admin/users/{cast.cashier.id}"):
        line.visit(url)
        assert line.weight() < LATER_VISIT, url
