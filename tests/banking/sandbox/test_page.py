"""The sandbox's page: it explains, it lists, and its forms work without a script."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import requests

from tests.banking.sandbox.conftest import Customer
from webapp.banking.sandbox.outcomes import FAMILIES
from webapp.banking.sandbox.server import SandboxServer

pytestmark = pytest.mark.enable_socket


class Outline(HTMLParser):
    """What a test must know of a page: ids, labelled fields, headings, inline style and script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: set[str | None] = set()
        self.fields: list[str | None] = []
        self.headings = 0
        self.inline: list[str] = []
        self.regions: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "label":
            self.labels.add(found.get("for"))
        if tag in ("input", "select", "textarea"):
            self.fields.append(found.get("id"))
        self.headings += tag == "h1"
        if tag in ("script", "style") or "style" in found:
            self.inline.append(tag)
        self.inline += [name for name in found if name.startswith("on")]
        if found.get("role") == "region":
            self.regions.append(found)


def read(sandbox: SandboxServer, query: str = "") -> str:
    answer = requests.get(f"{sandbox.base_url}/{query}", timeout=30)
    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    outline = Outline(answer.text)
    assert outline.headings == 1
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.fields) <= outline.labels
    assert outline.inline == []
    assert all(region["tabindex"] == "0" and region["aria-label"] for region in outline.regions)
    return answer.text


def test_the_page_lists_every_family_with_a_reference_to_try(sandbox: SandboxServer) -> None:
    html = read(sandbox)
    for prefix in FAMILIES:
        assert f">{prefix}124000</a>" in html


def test_the_style_sheet_is_a_file_of_its_own(sandbox: SandboxServer) -> None:
    [path] = re.findall(r'rel="stylesheet" href="([^"]+)"', read(sandbox))
    answer = requests.get(sandbox.base_url + path, timeout=30)
    assert answer.headers["Content-Type"].startswith("text/css")
    assert sandbox.calls() == []


def test_trying_a_reference_shows_the_answer_and_starts_no_delay(
    customer: Customer, sandbox: SandboxServer
) -> None:
    assert "HTTP 404" in read(sandbox, "?reference=500124000")
    sandbox.bank.clock.advance(60)
    assert customer.ask("500124000").status_code == 404
    assert "1240.00" in read(sandbox, "?reference=HIS-100124000")
    assert "No pertenece a ninguna familia" in read(sandbox, "?reference=abc")
    assert "Sin la avería" in read(sandbox, "?reference=900124000")
    assert "<script>" not in read(sandbox, "?reference=<script>")


def test_the_page_shows_the_calls_that_came(customer: Customer, sandbox: SandboxServer) -> None:
    customer.ask("600124000")
    html = read(sandbox)
    assert "GET /v1/transactions/600124000" in html
    assert "POST /oauth/token" in html


def test_a_movement_can_be_added_with_the_form(customer: Customer, sandbox: SandboxServer) -> None:
    form = {"reference": "765432100", "amount": "55.10", "status": "rejected", "phone": ""}
    answer = requests.post(f"{sandbox.base_url}/play/movements", data=form, timeout=30)
    assert answer.history[0].status_code == 303
    assert "765432100" in read(sandbox)
    assert customer.ask("765432100").json()["status"] == "rejected"


def test_the_bank_can_be_broken_and_mended_with_the_forms(
    customer: Customer, sandbox: SandboxServer
) -> None:
    form = {"mode": "503", "calls": "all", "prefix": "", "seconds": "600"}
    requests.post(f"{sandbox.base_url}/play/failures", data=form, timeout=30)
    assert customer.token().status_code == 503
    assert "Reparar el banco" in read(sandbox)
    requests.post(f"{sandbox.base_url}/play/recover", timeout=30)
    assert customer.token().status_code == 200
    requests.post(f"{sandbox.base_url}/play/reset", timeout=30)
    assert sandbox.calls() == []


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("movements", {"reference": "77", "amount": "mucho"}),
        ("failures", {"mode": "503", "seconds": "siempre"}),
    ],
)
def test_a_wrong_form_says_what_is_wrong_and_keeps_what_was_typed(
    sandbox: SandboxServer, path: str, form: dict[str, str]
) -> None:
    answer = requests.post(f"{sandbox.base_url}/play/{path}", data=form, timeout=30)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    for value in form.values():
        assert f'value="{value}"' in answer.text
