"""The pages in Chromium: as they are used, by keyboard, in both themes, on a desk and on a phone."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.processes import NEXT_CHECK_SECONDS, Processes, wait_until
from tests.e2e.visitor import Visitor, amount_of, reference
from webapp.development.demo import DEMO_PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.processes]

CHROMIUM = Path(os.environ.get("CHROMIUM") or "/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}
STATUSES = {
    "600": "En proceso",
    "100": "Verificado",
    "200": "Por revisar",
    "920": "Desconocido",
    "300": "Rechazado",
}
# Set to a folder, the pages that are looked at are kept there as pictures.
PICTURES = os.environ.get("E2E_PICTURES", "")

# A choice among few shows its focus on the whole label.
FOCUS_IS_SEEN = """() => [document.activeElement, document.activeElement.closest("label")]
    .some((one) => one && getComputedStyle(one).outlineStyle !== "none")"""

Opener = Callable[..., Page]
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}: set CHROMIUM to the path of one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, processes: Processes) -> Iterator[Opener]:
    """Opens a tab of a fresh browser, signed in where a visitor is given; errors in it are failures."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(person: Visitor | None = None, *, size: str = "desktop", **options: Any) -> Page:
        width, height = SIZES[size]
        context = chromium.new_context(
            base_url=processes.web_url,
            locale="es-VE",
            viewport={"width": width, "height": height},
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(30_000)
        if person:
            context.add_cookies(
                [
                    {"name": cookie.name, "value": cookie.value or "", "url": processes.web_url}
                    for cookie in person.session.cookies
                ]
            )
        page = context.new_page()
        page.on(
            "console",
            lambda said: (
                complaints.append(f"{page.url}: {said.text}")
                if said.type in ("error", "warning") and "Failed to load resource" not in said.text
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on(
            "response",
            lambda answer: (
                complaints.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None
            ),
        )
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def gallery(cashier: Visitor, supervisor: Visitor) -> dict[str, str]:
    """One payment in each status, and the pages on which everything can be seen."""
    paths = {}
    for family, status in STATUSES.items():
        paths[status] = cashier.log(reference(int(family)))
    for status, path in paths.items():
        cashier.sees(path, status)
    own = supervisor.log(reference(200))
    supervisor.sees(own, "Por revisar")
    return {
        "home": "/",
        "list": "/transactions",
        "list without results": "/transactions?q=nadie+se+llama+asi",
        "list with a wrong filter": "/transactions?phone=abc",
        "new": "/transactions/new",
        "queue": "/reviews",
        "not found": "/transactions/NO-EXISTE",
        "one's own to review": own,
        "edit": f"{paths['Por revisar']}/edit",
        **paths,
    }


def sign_in(page: Page, email: str) -> None:
    """As a person does: the address has the focus; Tab, and Enter at the end."""
    page.goto("/login")
    expect(page.get_by_label("Correo")).to_be_focused()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(DEMO_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hoy")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control with this name has the focus; a date has several stops."""
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == name:
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_a_payment_from_the_cashiers_keyboard_to_the_supervisors_decision(
    processes: Processes, open_page: Opener
) -> None:
    number = reference(200)
    cashier = open_page()
    sign_in(cashier, "cajera@demo.test")
    cashier.get_by_role("link", name="Nuevo pago").first.click()
    expect(cashier.get_by_label("Pago móvil")).to_be_focused()
    # The bank hangs at first, so that the answer is seen to arrive by itself.
    processes.bank.fail("hang", prefix=number)
    for name, typed in {
        "reference": number,
        "amount": amount_of(number),
        "full_name": "Rosa Elena Villegas",
        "national_id": "V-9.876.543",
        "phone": "0414-1234567",
    }.items():
        tab_to(cashier, name)
        cashier.keyboard.type(typed)
    cashier.keyboard.press("Enter")
    heading = cashier.locator("#status-heading")
    expect(heading).to_contain_text("En proceso")
    cashier.evaluate("document.body.dataset.sameDocument = 'yes'")
    processes.bank.mend()
    # The worker asks half a minute later; the page shows it without a reload.
    processes.wait_until_nobody_asks()
    processes.let_time_pass(NEXT_CHECK_SECONDS)
    expect(heading).to_contain_text("Por revisar", timeout=50_000)
    assert cashier.evaluate("document.body.dataset.sameDocument") == "yes"
    expect(cashier.locator("#announcer")).to_contain_text("Por revisar")
    expect(cashier.locator(".verdict-differs")).to_have_count(1)
    expect(cashier.locator("[data-poll]")).to_have_count(0)

    supervisor = open_page()
    sign_in(supervisor, "supervisora@demo.test")
    supervisor.get_by_role("link", name="Por revisar").first.click()
    item = supervisor.locator("article", has_text=number)
    supervisor.evaluate("document.body.dataset.sameDocument = 'yes'")
    item.get_by_role("button", name="Aprobar").click()
    expect(item.locator("[data-error-summary]")).to_be_focused()
    item.get_by_label("Motivo").fill("Coincide con el estado de cuenta")
    item.get_by_role("button", name="Aprobar").click()
    expect(item).to_have_count(0)
    expect(supervisor.locator("#messages")).to_contain_text("aprobado")
    expect(supervisor.locator("#queue-summary")).to_be_focused()
    assert supervisor.evaluate("document.body.dataset.sameDocument") == "yes"


def test_the_filter_changes_rows_and_address_without_a_reload(
    open_page: Opener, cashier: Visitor, gallery: dict[str, str]
) -> None:
    page = open_page(cashier)
    page.goto("/transactions")
    before = page.locator("tbody tr").count()
    page.evaluate("document.body.dataset.sameDocument = 'yes'")
    page.get_by_label("Estado").select_option("CANCELED")
    page.wait_for_url("**/transactions?**status=CANCELED**")
    expect(page.locator("tbody .badge").first).to_have_text("Rechazado")
    assert page.locator("tbody tr").count() < before
    assert page.evaluate("document.body.dataset.sameDocument") == "yes"
    address = page.url
    page.reload()
    assert page.url == address
    expect(page.get_by_label("Estado")).to_have_value("CANCELED")
    page.go_back()
    expect(page.get_by_label("Estado")).to_have_value("")
    assert page.locator("tbody tr").count() == before


def test_rows_ask_again_only_while_something_is_in_process(
    open_page: Opener, cashier: Visitor, gallery: dict[str, str]
) -> None:
    page = open_page(cashier)
    page.clock.install()
    page.goto("/transactions?status=IN_PROGRESS")
    expect(page.locator("#rows[data-poll]")).to_have_count(1)
    with page.expect_request("**/transactions?status=IN_PROGRESS", timeout=15_000) as asked:
        page.clock.run_for(11_000)
    assert asked.value.headers["hx-request"] == "true"
    page.goto("/transactions?status=COMPLETED")
    expect(page.locator("#rows[data-poll]")).to_have_count(0)
    page.goto(gallery["Verificado"])
    expect(page.locator("[data-poll]")).to_have_count(0)


def test_everything_works_without_javascript(open_page: Opener) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/login")
    page.get_by_label("Correo").fill("cajero@demo.test")
    page.get_by_label("Contraseña").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.get_by_role("link", name="Nuevo pago").first.click()
    number = reference(600)
    page.get_by_role("button", name="Guardar pago").click()
    expect(page.get_by_role("alert")).to_contain_text("datos por corregir")
    page.get_by_label("Referencia").fill(number)
    page.get_by_label("Monto").fill(amount_of(number))
    page.get_by_label("Nombre y apellido").fill("Ñusta Pérez-López")
    page.get_by_label("Cédula").fill("20111222")
    page.get_by_label("Teléfono").fill("+58 416 777 88 99")
    page.get_by_role("button", name="Guardar pago").click()
    expect(page.locator("#status-heading")).to_contain_text("En proceso")
    # Loaded in the very moment of the first question, the button is not yet open.
    check = page.get_by_role("button", name="Consultar Banesco")
    wait_until(
        lambda: page.reload() and check.get_attribute("aria-disabled") is None,
        seconds=30,
        describe="the first question is over",
    )
    check.click()
    expect(page.locator("#messages .alert")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name="Pagos").click()
    page.get_by_label("Nombre o referencia").fill(number)
    page.get_by_role("button", name="Buscar").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_the_form_is_walked_through_in_the_order_of_the_screen(
    open_page: Opener, cashier: Visitor
) -> None:
    page = open_page(cashier)
    page.goto("/transactions/new")
    expect(page.get_by_label("Pago móvil")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    walked: list[str] = []
    for _ in range(20):
        name = page.evaluate("document.activeElement.name || document.activeElement.type || ''")
        if name and name not in walked:
            walked.append(name)
        assert page.evaluate(FOCUS_IS_SEEN), f"no visible focus on {name}"
        if name == "submit":
            break
        page.keyboard.press("Tab")
    assert walked == [
        "bank",
        "reference",
        "amount",
        "payer_bank",
        "operation_date",
        "full_name",
        "national_id",
        "phone",
        "concept",
        "submit",
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_passes_the_accessibility_checks(
    open_page: Opener,
    supervisor: Visitor,
    admin: Visitor,
    gallery: dict[str, str],
    size: str,
    scheme: str,
) -> None:
    page = open_page(supervisor, size=size, color_scheme=scheme, reduced_motion="reduce")
    found: list[str] = []
    for name, path in gallery.items():
        page.goto(path)
        found += faults(page, name, f"{size}-{scheme}")
        if name == "new":
            page.get_by_role("button", name="Guardar pago").click()
            expect(page.get_by_role("alert")).to_be_focused()
            found += faults(page, "new with errors", f"{size}-{scheme}")
        if name == "home":
            page.locator(".user-menu summary").click()
            found += faults(page, "home with the menu", f"{size}-{scheme}")
    watching = open_page(admin, size=size, color_scheme=scheme, reduced_motion="reduce")
    watching.goto("/admin/bank-calls?transaction_id=a+b")
    found += faults(watching, "bank calls with a wrong filter", f"{size}-{scheme}")
    watching.goto("/admin/bank-calls")
    found += faults(watching, "bank calls", f"{size}-{scheme}")
    watching.locator(".row-link").first.click()
    found += faults(watching, "bank call", f"{size}-{scheme}")
    watching.goto(gallery["Por revisar"])
    watching.get_by_role("heading", name="Consultas al banco").click()
    watching.locator(".bank-calls summary").first.click()
    found += faults(watching, "payment with its bank calls", f"{size}-{scheme}")
    stranger = open_page(size=size, color_scheme=scheme)
    stranger.goto("/login")
    found += faults(stranger, "login", f"{size}-{scheme}")
    assert found == []


def test_labels_are_bold_and_the_rows_of_a_choice_stand_close(
    open_page: Opener, admin: Visitor
) -> None:
    page = open_page(admin, size="phone")
    page.goto("/admin/users")
    page.get_by_role("link", name="Sistema HIS").click()
    weights = page.locator("label:not(.choice)").evaluate_all(
        "labels => labels.map((label) => Number(getComputedStyle(label).fontWeight))"
    )
    assert weights and min(weights) >= 600
    boxes = (
        page.locator("fieldset")
        .first.locator(".choice")
        .evaluate_all("choices => choices.map((choice) => choice.getBoundingClientRect().toJSON())")
    )
    gaps = {below["top"] - above["bottom"] for above, below in itertools.pairwise(boxes)}
    assert gaps == {12}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_administrations_pages_pass_the_accessibility_checks(
    open_page: Opener, admin: Visitor, size: str, scheme: str
) -> None:
    page = open_page(admin, size=size, color_scheme=scheme, reduced_motion="reduce")
    look = f"{size}-{scheme}"
    page.goto("/admin/users?q=nadie+se+llama+asi")
    found = faults(page, "users not found", look)
    page.goto("/admin/users/new")
    page.get_by_role("button", name="Crear usuario").click()
    expect(page.get_by_role("alert")).to_be_focused()
    found += faults(page, "new user with errors", look)
    page.goto("/admin/users")
    found += faults(page, "users", look)
    page.get_by_role("link", name="Sistema HIS").click()
    page.get_by_text("Crear una llave").click()
    page.get_by_label("Nombre de la llave").fill(f"Prueba {look}")
    page.get_by_role("button", name="Crear llave").click()
    expect(page.locator("#new-key")).to_contain_text("amp_")
    found += faults(page, "new key", look)
    page.get_by_role("link", name="Sistema HIS").click()
    page.get_by_text("Crear una llave").click()
    found += faults(page, "user", look)
    assert found == []


def faults(page: Page, name: str, look: str) -> list[str]:
    """What axe finds, and sideways scroll."""
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name.replace(' ', '-')}-{look}.png", full_page=True)
    results = Axe().run(page)
    found = [
        f"{name}: {violation['id']} {[node['html'] for node in violation['nodes']][:3]}"
        for violation in results.response["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"{name}: sideways scroll")
    return found
