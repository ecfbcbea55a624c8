"""A part of a page that asks for itself again: nothing comes back where nothing changed, and what changed does."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.counting import counted_statements
from tests.support.pages import Browser, Page
from tests.support.people import Cast
from webapp.banking.gateway import BankUnavailable
from webapp.kernel.database import db
from webapp.transactions import checking, service
from webapp.transactions.models import Transaction

LIST = "/transactions"


def poll_headers(page: Page, part: str) -> dict[str, str]:
    """Return what htmx sends with the next request of a part."""
    (given,) = [given for _, given in page.tags if given.get("id") == part]
    headers: dict[str, str] = json.loads(given["hx-headers"])
    return headers


def poll(browser: Browser, url: str, headers: dict[str, str]) -> Page:
    return browser.get(url, htmx=True, headers=headers)


def deleted(cast: Cast, payment: Transaction) -> None:
    service.delete(
        actor=cast.supervisor.actor, row_id=payment.id, reason="Registrado dos veces", version=1
    )


def corrected(cast: Cast, payment: Transaction) -> None:
    changed = payments.details(reference=payment.reference, full_name="Ana Nueva")
    service.correct(actor=cast.cashier.actor, row_id=payment.id, version=1, details=changed)


def another_logged(cast: Cast, _payment: Transaction) -> None:
    payments.logged(cast.other_cashier)


@pytest.mark.parametrize("change", [deleted, corrected, another_logged])
def test_the_rows_come_again_only_when_they_changed(
    cast: Cast, cashier: Browser, change: Callable[[Cast, Transaction], None]
):
    payments.logged(cast.cashier)
    payment = payments.logged(cast.cashier)
    shown = poll_headers(cashier.get(LIST), "rows")
    same = poll(cashier, LIST, shown)
    assert (same.status, same.source) == (304, "")
    change(cast, payment)
    changed = poll(cashier, LIST, shown)
    assert changed.status == 200 and changed.source.lstrip().startswith("<section")
    assert poll(cashier, LIST, poll_headers(changed, "rows")).status == 304


def test_a_status_that_the_bank_decides_comes_with_the_next_poll(
    app: Flask, cast: Cast, cashier: Browser, bank: FakeGateway
):
    payments.logged(cast.cashier)
    payment = payments.logged(cast.cashier)
    shown = poll_headers(cashier.get(LIST), "rows")
    bank.will_answer(answer(movement(payment)))
    checking.check(payment.id, bank=app.extensions["bank"])
    assert "Verificado" in poll(cashier, LIST, shown).text


def test_what_is_shown_is_of_an_address_and_a_language(cast: Cast, cashier: Browser):
    payments.logged(cast.cashier)
    shown = poll_headers(cashier.get(LIST), "rows")
    assert poll(cashier, f"{LIST}?status=IN_PROGRESS", shown).status == 200
    assert poll(cashier, LIST, {**shown, "Accept-Language": "en"}).status == 200
    assert poll(cashier, f"{LIST}?status=PAID", shown).status == 422
    whole = cashier.get(LIST, headers=shown)
    assert whole.status == 200 and "<html" in whole.source


def test_the_last_page_is_polled_like_the_first(cast: Cast, cashier: Browser):
    for _ in range(26):
        payments.logged(cast.cashier)
    shown = poll_headers(cashier.get(f"{LIST}?page=2"), "rows")
    assert poll(cashier, f"{LIST}?page=2", shown).status == 304


def test_polls_that_find_nothing_new_ask_little(
    app: Flask, cast: Cast, cashier: Browser, bank: FakeGateway
):
    payment = payments.logged(cast.cashier)
    for url, part, most in ((LIST, "rows", 3), (f"{LIST}/{payment.transaction_id}", "payment", 4)):
        shown = poll_headers(cashier.get(url), part)
        with counted_statements() as statements:
            assert poll(cashier, url, shown).status == 304
        assert len(statements) <= most


@pytest.fixture
def payment(cast: Cast, bank: FakeGateway) -> Transaction:
    return payments.logged(cast.cashier)


def one(payment: Transaction) -> str:
    return f"{LIST}/{payment.transaction_id}"


def test_a_payment_comes_again_when_the_bank_was_asked(
    app: Flask, cashier: Browser, bank: FakeGateway, payment: Transaction
):
    shown = poll_headers(cashier.get(one(payment)), "payment")
    assert poll(cashier, one(payment), shown).status == 304
    checking.check(payment.id, bank=app.extensions["bank"])
    asked = poll(cashier, one(payment), shown)
    assert "Última consulta a Banesco" in asked.text
    shown = poll_headers(asked, "payment")
    bank.will_answer(BankUnavailable("away"))
    checking.check(payment.id, bank=app.extensions["bank"])
    silent = poll(cashier, one(payment), shown)
    assert "Último intento" in silent.text
    assert poll(cashier, one(payment), poll_headers(silent, "payment")).status == 304


def test_the_seconds_that_a_sentence_names_are_no_change(
    cast: Cast, cashier: Browser, payment: Transaction
):
    """The page counts them down by itself."""
    let_it_be_due_in(payment, seconds=100)
    page = cashier.get(one(payment))
    shown = poll_headers(page, "payment")
    (sentence,) = [given for _, given in page.tags if given.get("id") == "check-sentence"]
    assert sentence["data-ticks"] in ("100", "99")
    assert f"solo en {sentence['data-ticks']} s" in page.text
    let_it_be_due_in(payment, seconds=50)
    assert poll(cashier, one(payment), shown).status == 304


def let_it_be_due_in(payment: Transaction, *, seconds: int) -> None:
    db.session.execute(
        text(
            "UPDATE transactions SET next_check_at = now() + make_interval(secs => :s) WHERE id = :id"
        ),
        {"s": seconds, "id": payment.id},
    )
    db.session.commit()


def test_a_decided_payment_is_shown_with_its_decision(
    app: Flask, cast: Cast, cashier: Browser, bank: FakeGateway, payment: Transaction
):
    shown = poll_headers(cashier.get(one(payment)), "payment")
    bank.will_answer(answer(movement(payment, amount=Decimal("1.00"))))
    checking.check(payment.id, bank=app.extensions["bank"])
    assert "Por revisar" in poll(cashier, one(payment), shown).text


def test_asking_the_bank_is_never_answered_with_nothing(cashier: Browser, payment: Transaction):
    """The button stands within the part that polls, and inherits what that sends."""
    page = cashier.get(one(payment))
    form = {"csrf_token": page.inputs["csrf_token"]}
    headers = {"HX-Request": "true", **poll_headers(page, "payment")}
    part = cashier._send("post", f"{one(payment)}/check", data=form, headers=headers)
    assert part.status_code == 200
