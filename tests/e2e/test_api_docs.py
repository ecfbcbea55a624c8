"""Swagger UI and ReDoc in Chromium: drawn whole, offline, under the strict policy, and good to try things with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.e2e.processes import Processes
from tests.e2e.test_browser import PICTURES, chromium  # noqa: F401 - a fixture
from webapp.development.demo import DEMO_PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def page(chromium: Browser, processes: Processes) -> Iterator[Page]:  # noqa: F811
    """A stranger's tab: every complaint of the console and every foreign address is a failure."""
    complaints: list[str] = []
    context = chromium.new_context(
        base_url=processes.web_url, locale="es-VE", viewport={"width": 1280, "height": 1000}
    )
    context.set_default_timeout(30_000)
    opened = context.new_page()
    opened.on(
        "console",
        lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((processes.web_url, "data:"))
            else complaints.append(asked.url)
        ),
    )
    yield opened
    context.close()
    assert complaints == []


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png")


def test_swagger_ui_draws_the_contract_and_tries_it_out_with_a_token(
    page: Page, processes: Processes
) -> None:
    signed_in = requests.post(
        f"{processes.web_url}/api/v1/auth/login",
        json={"email": "integrador@demo.test", "password": DEMO_PASSWORD},
        timeout=10,
    )
    page.goto("/docs")
    expect(page).to_have_title("Contrato de la API · Área Médica Pagos")
    expect(page.locator(".opblock")).not_to_have_count(0)
    picture(page, "swagger")
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("auth-bearer-value").fill(signed_in.json()["access_token"])
    page.locator(".auth-btn-wrapper").get_by_role("button", name="Apply credentials").click()
    page.locator(".auth-btn-wrapper").get_by_role("button", name="Close").click()
    me = page.locator("#operations-Access-me")
    me.locator(".opblock-summary-control").click()
    me.get_by_role("button", name="Try it out").click()
    me.get_by_role("button", name="Execute").click()
    live = me.locator(".live-responses-table .response").first
    expect(live.locator(".response-col_status").first).to_contain_text("200")
    expect(live.locator(".response-col_description").first).to_contain_text("integrador@demo.test")
    picture(page, "swagger-tried-out")
    create = page.locator("#operations-Transactions-createTransaction")
    create.locator(".opblock-summary-control").click()
    expect(create.locator(".body-param__example, .highlight-code").first).to_contain_text(
        "04141234567"
    )
    picture(page, "swagger-operation")


def test_redoc_draws_the_contract_in_its_own_style(page: Page) -> None:
    page.goto("/redoc")
    expect(page.get_by_role("heading", name="Log a payment")).to_be_visible()
    expect(page.get_by_text("/api/v1/transactions/{transaction_id}/review").first).to_be_attached()
    menu = page.locator(".menu-content")
    # Its style sheets are made by script: without them the menu would stand above the text, not beside it.
    assert menu.evaluate("element => getComputedStyle(element).position") == "sticky"
    assert menu.evaluate("element => element.getBoundingClientRect().width") < 400
    picture(page, "redoc")
    page.get_by_role("heading", name="Log a payment").scroll_into_view_if_needed()
    picture(page, "redoc-operation")
