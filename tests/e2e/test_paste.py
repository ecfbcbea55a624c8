"""A bank's notice is pasted in Chromium: two actions log a payment."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_browser import (  # noqa: F401 - pytest finds its fixtures here
    Opener,
    chromium,
    open_page,
)
from tests.e2e.visitor import Visitor, reference

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PASTE = """text => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  return document.activeElement.dispatchEvent(event);
}"""


def paste(page: Page, text: str) -> bool:
    """Paste where the focus is, as its keys do; return whether the browser puts it there, as always."""
    left_to_the_browser: bool = page.evaluate(PASTE, text)
    return left_to_the_browser


def notice(number: str) -> str:
    return (
        "PagoClave recibido por Bs. 1.350,75 de 04141234567 ci 12345678\u00a0ref "
        f"{number} al 01/11/2026 12:33"
    )


def test_a_pasted_notice_fills_the_form_and_the_focus_goes_to_what_is_missing(
    open_page: Opener,  # noqa: F811
    cashier: Visitor,
) -> None:
    page = open_page(cashier)
    page.goto("/transactions/new")
    number = reference(110)
    paste(page, notice(number))
    expect(page.get_by_text("El aviso llenó 6 datos")).to_be_visible()
    expect(page.get_by_label("Monto")).to_have_value("1350,75")
    expect(page.get_by_label("Referencia")).to_have_value(number)
    expect(page.get_by_label("Pago móvil")).to_be_checked()
    expect(page.locator("#notice")).to_have_value("")
    expect(page.get_by_label("Nombre y apellido")).to_be_focused()
    page.keyboard.type("Rosa Villalobos")
    page.keyboard.press("Enter")
    expect(page.locator("#status-heading")).to_be_visible()
    expect(page.get_by_text("Rosa Villalobos").first).to_be_visible()


def test_a_notice_that_says_everything_takes_two_actions(
    open_page: Opener,  # noqa: F811
    cashier: Visitor,
) -> None:
    page = open_page(cashier)
    page.goto("/transactions/new")
    said = notice(reference(100)).replace("PagoClave recibido", "Pago Movil de ROSA VILLALOBOS")
    assert not paste(page, said)
    expect(page.locator(".form-actions [type='submit']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#status-heading")).to_be_visible()
    expect(page.get_by_text("Rosa Villalobos").first).to_be_visible()


def test_what_is_no_notice_is_pasted_into_its_field_as_always(
    open_page: Opener,  # noqa: F811
    cashier: Visitor,
) -> None:
    page = open_page(cashier)
    page.goto("/transactions/new")
    page.get_by_label("Referencia").focus()
    assert paste(page, "123456789")
    expect(page.locator("#notice")).to_have_value("")


def test_without_javascript_a_button_reads_it(
    open_page: Opener,  # noqa: F811
    cashier: Visitor,
) -> None:
    page = open_page(cashier, java_script_enabled=False)
    page.goto("/transactions/new")
    number = reference(110)
    page.locator("#notice").fill(notice(number))
    page.get_by_role("button", name="Leer el aviso").click()
    expect(page.get_by_label("Referencia")).to_have_value(number)
    expect(page.get_by_text("El aviso llenó 6 datos")).to_be_visible()
