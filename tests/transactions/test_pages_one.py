"""One payment: declared beside shown, reasons, timeline, the question to the bank, edit and delete."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask

from tests.support import payments
from tests.support.background import settle
from tests.support.bank import FakeGateway, answer, movement
from tests.support.counting import counted_statements
from tests.support.pages import Browser, Page
from tests.support.people import Cast
from webapp.banking.gateway import BankRefusedUs, BankUnavailable, MovementState
from webapp.transactions import bank_answers, checking, queries
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction


@pytest.fixture(autouse=True)
def quiet(bank: FakeGateway) -> Iterator[None]:
    """Wait after each test until the bank has been asked everything."""
    yield
    settle()


def url_of(payment: Transaction, action: str = "") -> str:
    return f"/transactions/{payment.transaction_id}{action}"


def check(browser: Browser, payment: Transaction, *, htmx: bool = False) -> Page:
    return browser.post(url_of(payment, "/check"), {}, form=url_of(payment), htmx=htmx)


def in_review(browser: Browser, bank: FakeGateway, payment: Transaction) -> None:
    """Let the bank show another amount."""
    bank.will_answer(answer(movement(payment, amount=Decimal("1000.00"))))
    check(browser, payment)
    assert payments.reread(payment).status is Status.TO_REVIEW


def live(page: Page) -> dict[str, str]:
    (part,) = [given for _, given in page.tags if given.get("id") == "payment"]
    return part


def test_a_new_payment_waits_and_says_that_this_is_no_refusal(
    cast: Cast, cashier: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    page = cashier.get(url_of(payment))
    assert "En proceso" in page.text
    assert live(page)["hx-trigger"] == "poll"
    check(cashier, payment)
    after = cashier.get(url_of(payment))
    assert "Todavía no aparece en Banesco. No es un rechazo" in after.text
    assert "Última consulta" in after.text


def test_what_differs_is_shown_beside_what_was_declared_with_the_reason(
    cast: Cast, cashier: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    in_review(cashier, bank, payment)
    page = cashier.get(url_of(payment))
    assert "Por revisar" in page.text
    assert (
        "El monto no coincide: se declaró Bs. 1.240,00 y el banco muestra Bs. 1.000,00."
        in page.text
    )
    assert "No coincide" in page.text
    assert "is-differs" in page.source
    assert "hx-trigger" not in live(page)


def test_a_verified_payment_is_final_and_offers_no_question(
    cast: Cast, cashier: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(payment)))
    assert "coincide" in cashier.follow(check(cashier, payment)).text
    page = cashier.get(url_of(payment))
    assert "Verificado" in page.text
    assert "Consultar Banesco" not in page.text
    assert "hx-trigger" not in live(page)
    again = check(cashier, payment)
    assert "ya está cerrado" in cashier.follow(again).text


def test_a_payment_that_the_bank_refused_says_so(cast: Cast, cashier: Browser, bank: FakeGateway):
    payment = payments.logged(cast.cashier)
    refused = movement(payment, state=MovementState.REFUSED, word="rejected")
    bank.will_answer(answer(refused))
    check(cashier, payment)
    page = cashier.get(url_of(payment))
    assert "Rechazado" in page.text
    assert "rechazado o reversado («rejected»)" in page.text


def test_the_timeline_tells_what_happened_in_order(
    cast: Cast, cashier: Browser, supervisor: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    in_review(cashier, bank, payment)
    decided = supervisor.post(
        url_of(payment, "/review"),
        {"decision": "approve", "reason": "Vi el estado de cuenta"},
        form=url_of(payment),
    )
    assert decided.status == 303
    said = cashier.get(url_of(payment)).text.split("Historial")[1]
    places = [
        said.index(words)
        for words in ("Pago registrado", "Por revisar", "Aprobado por un supervisor")
    ]
    assert places == sorted(places)
    assert "Vi el estado de cuenta" in said
    for who in (cast.cashier.full_name, cast.supervisor.full_name, "Sistema"):
        assert who in said


def test_after_two_questions_the_third_waits_with_a_countdown(
    cast: Cast, cashier: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    for _ in range(2):
        assert check(cashier, payment).status == 303
    part = check(cashier, payment, htmx=True)
    assert part.status == 200
    assert len(bank.claims) == 2
    (countdown,) = [given for _, given in part.tags if "data-countdown" in given]
    assert 30 <= int(countdown["data-countdown"]) <= 62
    (button,) = [given for _, given in part.tags if given.get("id") == "check-button"]
    assert button["aria-disabled"] == "true"
    assert "Próxima consulta en" in part.text
    assert "Próxima consulta en" in cashier.follow(check(cashier, payment)).text
    assert len(bank.claims) == 2


def test_htmx_gets_the_live_part_and_the_page_without_script_a_redirect(
    cast: Cast, cashier: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    part = check(cashier, payment, htmx=True)
    assert "<html" not in part.source
    assert live(part)
    whole = check(cashier, payment)
    assert whole.response.headers["Location"] == url_of(payment)
    polled = cashier.get(url_of(payment), htmx=True)
    assert "<html" not in polled.source
    assert polled.source.lstrip().startswith("<div")


def test_a_silent_bank_says_nothing_about_the_payment(
    cast: Cast, cashier: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    bank.will_answer(BankUnavailable("away"))
    part = check(cashier, payment, htmx=True)
    assert "Banesco no respondió. Eso no dice nada sobre este pago" in part.text
    assert payments.reread(payment).status is Status.IN_PROGRESS


def test_that_the_bank_refused_us_stays_on_the_page_until_it_answers(
    app: Flask, cast: Cast, cashier: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    bank.will_answer(BankRefusedUs("HTTP 403"))
    checking.check(payment.id, bank=app.extensions["bank"])
    page = cashier.get(f"/transactions/{payment.transaction_id}")
    assert "Último intento" in page.text
    assert "es un problema de nuestra conexión, no de este pago" in page.text
    bank.will_answer(answer())
    checking.check(payment.id, bank=app.extensions["bank"])
    assert "Último intento" not in cashier.get(f"/transactions/{payment.transaction_id}").text


def test_a_bank_that_is_down_is_said_on_every_page(cast: Cast, cashier: Browser, bank: FakeGateway):
    bank.will_answer(BankUnavailable("away"))
    for _ in range(5):
        check(cashier, payments.logged(cast.cashier))
    for url in ("/", "/transactions", "/transactions/new"):
        assert "Banesco no responde desde el" in cashier.get(url).text
    bank.will_answer(answer())
    check(cashier, payments.logged(cast.cashier))
    assert "Banesco no responde" not in cashier.get("/").text


# Correcting


def edit(browser: Browser, payment: Transaction, **typed: str) -> Page:
    url = url_of(payment, "/edit")
    shown = browser.get(url)
    assert shown.status == 200
    kept = {**shown.inputs, "concept": "", "transaction_type": "TRANSACTION"}
    return browser.post(url, {**kept, **typed}, form=url)


def test_ones_own_entry_can_be_corrected_and_the_trail_says_how(
    cast: Cast, cashier: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    form = cashier.get(url_of(payment, "/edit"))
    assert form.inputs["amount"] == "1240,00"
    assert form.inputs["full_name"] == "Rosa Elena Villegas"
    assert form.inputs["bank"] == "MOBILE_TRANSFER"
    saved = edit(cashier, payment, amount="1.500,00")
    assert (saved.status, saved.response.headers["Location"]) == (303, url_of(payment))
    page = cashier.follow(saved)
    assert "Cambios guardados." in page.text
    assert "Monto: Bs. 1.240,00 → Bs. 1.500,00" in page.text
    assert payments.reread(payment).version == 2
    settle()
    assert [claim.amount for claim in bank.claims] == [Decimal("1500.00")]


def test_a_correction_that_changes_nothing_is_no_event(cast: Cast, cashier: Browser):
    payment = payments.logged(cast.cashier)
    assert edit(cashier, payment).status == 303
    assert payments.reread(payment).version == 1
    assert len(queries.events_of(payment.id)) == 1


def test_a_correction_is_judged_like_a_new_payment(cast: Cast, cashier: Browser):
    payment = payments.logged(cast.cashier)
    page = edit(cashier, payment, phone="123", full_name="Otra").insist()
    assert page.status == 422
    assert "No parece un teléfono móvil." in page.text
    assert page.inputs["full_name"] == "Otra"
    assert payments.reread(payment).version == 1


def test_a_correction_to_a_taken_reference_names_its_holder(cast: Cast, cashier: Browser):
    first, second = payments.logged(cast.other_cashier), payments.logged(cast.cashier)
    page = edit(cashier, second, reference=first.reference).insist()
    assert page.status == 409
    assert url_of(first) in page.links
    assert payments.reread(second).reference == second.reference


def test_another_cashiers_entry_cannot_be_corrected(cast: Cast, other_cashier: Browser):
    payment = payments.logged(cast.cashier)
    assert url_of(payment, "/edit") not in other_cashier.get(url_of(payment)).links
    assert other_cashier.get(url_of(payment, "/edit")).status == 403
    answer_ = other_cashier.post(url_of(payment, "/edit"), payments.form())
    assert answer_.status == 403
    assert "Solo quien registró este pago" in answer_.text
    assert payments.reread(payment).version == 1


def test_a_supervisor_corrects_any_entry(cast: Cast, supervisor: Browser):
    payment = payments.logged(cast.cashier)
    assert url_of(payment, "/edit") in supervisor.get(url_of(payment)).links
    assert edit(supervisor, payment, concept="Hospitalización").status == 303


def test_a_final_payment_cannot_be_corrected(cast: Cast, cashier: Browser, bank: FakeGateway):
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(payment)))
    check(cashier, payment)
    assert url_of(payment, "/edit") not in cashier.get(url_of(payment)).links
    page = cashier.get(url_of(payment, "/edit"))
    assert page.status == 409
    assert "ya está cerrado" in page.text
    assert cashier.post(url_of(payment, "/edit"), payments.form()).status == 409


def test_two_corrections_at_once_the_second_keeps_what_was_typed(
    cast: Cast, cashier: Browser, supervisor: Browser
):
    payment = payments.logged(cast.cashier)
    url = url_of(payment, "/edit")
    open_form = cashier.get(url).inputs
    edit(supervisor, payment, concept="Laboratorio")
    sent = {**open_form, "full_name": "Rosa Corregida", "transaction_type": "TRANSACTION"}
    page = Page(cashier._send("post", url, data=sent)).insist()
    assert page.status == 409
    assert "Este pago cambió mientras usted lo editaba." in page.text
    assert page.inputs["full_name"] == "Rosa Corregida"
    assert page.inputs["version"] == "2"
    assert payments.reread(payment).customer_full_name == "Rosa Elena Villegas"
    again = Page(
        cashier._send("post", url, data={**page.inputs, "transaction_type": "TRANSACTION"})
    )
    assert again.status == 303
    assert payments.reread(payment).customer_full_name == "Rosa Corregida"


def test_a_conflict_names_field_by_field_what_changed_by_whom(
    cast: Cast, cashier: Browser, supervisor: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    url = url_of(payment, "/edit")
    open_form = cashier.get(url).inputs
    edit(supervisor, payment, amount="1.300,00", full_name="Rosa E. Villegas")
    settle()
    edit(supervisor, payment, amount="1.500,00", full_name="Rosa Elena Villegas")
    settle()
    bank_answers.record_answer(
        row_id=payment.id,
        version=payments.reread(payment).version,
        answer=answer(movement(payment, amount=Decimal("1.00"))),
        give_up_after=timedelta(hours=72),
    )
    sent = {**open_form, "concept": "Lo mío", "transaction_type": "TRANSACTION"}
    page = Page(cashier._send("post", url, data=sent)).insist()
    assert page.status == 409
    summary = page.text.split("Ver el pago como está ahora")[0]
    by = f"({cast.supervisor.full_name}, "
    assert f"Monto: Bs. 1.240,00 → Bs. 1.500,00 {by}" in summary
    assert "Estado: En proceso → Por revisar (Sistema, " in summary
    assert "Nombre y apellido:" not in summary  # it was changed back
    assert "Lo mío" in page.source


@pytest.mark.parametrize("version", ["x", "1e9", "99999999999999999999", "\x00", "-1"])
def test_a_version_that_makes_no_sense_changes_nothing(cast: Cast, cashier: Browser, version: str):
    payment = payments.logged(cast.cashier)
    page = edit(cashier, payment, full_name="Rosa Corregida", version=version)
    assert 400 <= page.status < 500
    assert payments.reread(payment).customer_full_name == "Rosa Elena Villegas"


# Deleting


def delete(browser: Browser, payment: Transaction, reason: str, version: str = "1") -> Page:
    return browser.post(url_of(payment, "/delete"), {"reason": reason, "version": version})


def test_deleting_needs_a_reason(cast: Cast, supervisor: Browser):
    payment = payments.logged(cast.cashier)
    for reason in ("", "   ", "x" * 501):
        page = delete(supervisor, payment, reason).insist()
        assert page.status == 422
        assert "aria-invalid" in page.source
    assert payments.reread(payment).deleted_at is None


def test_a_reason_that_cannot_be_kept_is_refused(cast: Cast, supervisor: Browser):
    payment = payments.logged(cast.cashier)
    assert delete(supervisor, payment, "a\x00b").status == 422
    assert payments.reread(payment).deleted_at is None


def test_a_deleted_payment_leaves_the_list_and_keeps_its_trail(
    cast: Cast, supervisor: Browser, cashier: Browser
):
    payment = payments.logged(cast.cashier)
    answer_ = delete(supervisor, payment, "Registrado dos veces")
    assert answer_.status == 303
    page = supervisor.follow(answer_)
    assert "Pago eliminado." in page.text
    assert url_of(payment) not in page.links
    assert cashier.get(url_of(payment)).status == 404
    last = queries.events_of(payment.id)[-1]
    assert (last.reason, last.actor_id) == ("Registrado dos veces", cast.supervisor.id)


def test_a_payment_that_changed_meanwhile_is_not_deleted(cast: Cast, supervisor: Browser):
    payment = payments.logged(cast.cashier)
    edit(supervisor, payment, concept="Laboratorio")
    page = delete(supervisor, payment, "Registrado dos veces", version="1").insist()
    assert page.status == 409
    assert "Registrado dos veces" in page.source
    assert payments.reread(payment).deleted_at is None


@pytest.mark.parametrize("version", ["", "abc"])
def test_a_form_that_does_not_say_what_was_seen_changes_nothing(
    cast: Cast, supervisor: Browser, version: str
):
    payment = payments.logged(cast.cashier)
    page = delete(supervisor, payment, "Registrado dos veces", version).insist()
    assert page.status == 409 and "no dice qué versión" in page.text
    unseen = edit(supervisor, payment, concept="Laboratorio", version=version)
    assert unseen.status in (409, 422)
    stored = payments.reread(payment)
    assert (stored.deleted_at, stored.concept) == (None, payment.concept)


def test_a_cashier_does_not_delete(cast: Cast, cashier: Browser):
    payment = payments.logged(cast.cashier)
    assert "Eliminar" not in cashier.get(url_of(payment)).text
    assert delete(cashier, payment, "Registrado dos veces").status == 403


def test_the_cost_of_the_page_does_not_grow_with_the_trail(
    cast: Cast, supervisor: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    supervisor.get(url_of(payment))
    with counted_statements() as few:
        supervisor.get(url_of(payment))
    for concept in ("uno", "dos", "tres"):
        edit(supervisor, payment, concept=concept)
    settle()  # what goes on beside the request is not its cost
    with counted_statements() as many:
        supervisor.get(url_of(payment))
    assert 0 < len(few) == len(many) <= 10
