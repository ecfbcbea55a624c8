"""A notice that is pasted on *Nuevo pago* fills the form, and is kept nowhere."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import delete, text

from tests.support.pages import Browser, Page
from tests.support.people import Cast, create_person
from webapp.accounts.models import UserPermission
from webapp.kernel.database import Base, db
from webapp.kernel.permissions import Role

NOTICE = "BanescoPagoMovil: Recibiste Bs. 1.234,50 de V-12345678 tlf 04141234567 Ref: 123456789 el 01/11/2026"
URL = "/transactions/new/notice"


def paste(browser: Browser, text: str, *, htmx: bool = False, **typed: str) -> Page:
    data = {"bank": "BANESCO", **typed, "notice": text}
    return browser.post(URL, data, form="/transactions/new", htmx=htmx)


def test_it_fills_the_form_which_then_saves(cashier: Browser):
    page = paste(cashier, NOTICE).insist()
    assert page.status == 200
    assert "El aviso llenó 6 datos" in page.text
    assert page.inputs["bank"] == "MOBILE_TRANSFER"
    assert page.inputs["amount"] == "1234,50"
    assert page.inputs["operation_date"] == "2026-11-01"
    assert "El aviso no dice de qué banco salió el dinero" in page.text
    filled = {
        name: page.inputs[name] for name in ("reference", "amount", "national_id", "phone", "bank")
    }
    saved = cashier.post(
        "/transactions/new",
        {
            **filled,
            "operation_date": "2026-11-01",
            "full_name": "Rosa Villalobos",
            "transaction_type": "TRANSACTION",
        },
        form="/transactions/new",
    )
    assert saved.status == 303
    shown = cashier.follow(saved).text
    assert "Bs. 1.234,50" in shown and "V-12.345.678" in shown


def test_what_the_notice_does_not_say_stays_as_it_was_typed(cashier: Browser):
    page = paste(cashier, NOTICE, full_name="Rosa Villalobos", concept="Consulta", amount="9,00")
    assert page.inputs["full_name"] == "Rosa Villalobos"
    assert "Consulta" in page.source
    assert page.inputs["amount"] == "1234,50"
    assert "Error" not in page.text


def test_it_is_answered_with_the_form_alone_where_htmx_asks(cashier: Browser):
    page = paste(cashier, NOTICE, htmx=True)
    assert page.status == 200
    assert "<html" not in page.source and page.inputs["reference"] == "123456789"


@pytest.mark.parametrize(
    ("pasted", "sentence"),
    [
        ("La clave de pago es 12345678", "Es una clave de un solo uso, no un pago"),
        (
            "BBVA Provincial informa Pago Movil desde cuenta 0000 por Bs. 30,206.00.",
            "de un pago enviado",
        ),
        ("Su saldo es Bs. 10,00", "Este texto dice un saldo, no un pago"),
        ("buenos días", "no se reconoce un pago"),
        ("", "Pegue primero el texto del aviso"),
        ("Bs. 1,00 Ref: 123456 " * 500, "Es demasiado largo"),
    ],
)
def test_what_is_no_notice_is_refused_in_words_and_the_form_stays(
    cashier: Browser, pasted: str, sentence: str
):
    page = paste(cashier, pasted, full_name="Rosa Villalobos")
    assert page.status == 422
    assert sentence in page.text
    assert page.inputs["full_name"] == "Rosa Villalobos"


def test_a_notice_of_another_bank_says_that_banesco_will_not_find_it(cashier: Browser):
    page = paste(cashier, "Tpago recibido Bs. 52,65 del 04141234567 Ref 123456789012, 26/06/2026")
    assert "el dinero llegó a una cuenta en Mercantil, no en Banesco" in page.text


def test_nothing_of_the_text_is_answered_logged_or_stored(
    cashier: Browser, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    secret = "Para mas inf. llama a la gerente Petra Quiroga"
    page = paste(cashier, f"{NOTICE} {secret}")
    assert "Quiroga" not in page.source
    said = capsys.readouterr()
    assert "Quiroga" not in caplog.text + said.out + said.err
    assert "12345678" not in caplog.text + said.out + said.err
    dumped = "".join(
        db.session.scalar(text(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {name} t"))
        for name in Base.metadata.tables
    )
    assert "cashier@clinic.test" in dumped and "Quiroga" not in dumped


def test_only_who_logs_payments_may_use_it(app: Flask, cast: Cast, anyone: Browser):
    assert anyone.post(URL, {"notice": NOTICE}, form="/login").status in (302, 303, 401)
    reader = create_person("reader@clinic.test", "Lector", Role.CASHIER)
    with app.app_context():
        db.session.execute(delete(UserPermission).where(UserPermission.user_id == reader.id))
        db.session.commit()
    refused = Browser(app).is_signed_in(reader).post(URL, {"notice": NOTICE}, form="/")
    assert refused.status == 403 and "1234,50" not in refused.source


def test_the_key_enter_saves_and_does_not_read_the_notice(cashier: Browser):
    page = cashier.get("/transactions/new")
    form = page.source[page.source.index("data-payment-form") :]
    first = form[form.index('type="submit"') - 80 : form.index('type="submit"') + 80]
    assert "formaction" not in first
