"""Logging a payment: what may be typed, how mistakes are told, and one row however often it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import Context
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.support import payments
from tests.support.background import settle
from tests.support.bank import FakeGateway, answer, movement
from tests.support.pages import Browser, Page
from tests.support.people import Cast
from webapp.banking.gateway import BankUnavailable
from webapp.kernel import clock, formatting
from webapp.kernel.database import db
from webapp.transactions import queries
from webapp.transactions.filtering import Filter
from webapp.transactions.models import Transaction, TransactionEvent

NEW = "/transactions/new"


@pytest.fixture(autouse=True)
def quiet(bank: FakeGateway) -> Iterator[None]:
    """Wait after each test until the bank has been asked everything."""
    yield
    settle()


def log(browser: Browser, **typed: Any) -> Page:
    return browser.post(NEW, payments.form(**typed), form=NEW)


def stored() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Transaction)) or 0


def the_one() -> Transaction:
    db.session.rollback()
    return db.session.scalars(select(Transaction)).one()


PHONE = "No parece un teléfono móvil. Escríbalo como 0414-1234567."
CEDULA = "La cédula lleva V o E y de 4 a 8 dígitos. Escríbala como V-12.345.678."
REFERENCE = "La referencia tiene 9 dígitos, como 123456789."
NAME = "Escriba el nombre solo con letras"
AMOUNT = "El monto no se entiende. Escríbalo como 1.234,56"
MISSING = "Falta este dato."
CHOICE = "Elija una de las opciones."
DAY = "No parece una fecha."
ID = "El identificador admite de 1 a 100"

WRONG = [
    ("bank", "", CHOICE),
    ("bank", "PAYPAL", CHOICE),
    ("bank", "banesco\x00", CHOICE),
    ("transaction_type", "", CHOICE),
    ("transaction_type", "GIFT", CHOICE),
    ("reference", "", MISSING),
    ("reference", "   ", MISSING),
    ("reference", "12345678", REFERENCE),
    ("reference", "1234567890", REFERENCE),
    ("reference", "12345678a", REFERENCE),
    ("reference", "١٢٣٤٥٦٧٨٩", REFERENCE),
    ("reference", "１２３４５６７８９", REFERENCE),
    ("reference", "12345678\x00", REFERENCE),
    ("reference", "-12345678", REFERENCE),
    ("reference", "9" * 10000, REFERENCE),
    ("amount", "", MISSING),
    ("amount", "0", "mayor que cero"),
    ("amount", "0,00", "mayor que cero"),
    ("amount", "-5", AMOUNT),
    ("amount", "NaN", AMOUNT),
    ("amount", "Infinity", AMOUNT),
    ("amount", "-Infinity", AMOUNT),
    ("amount", "1e5", AMOUNT),
    ("amount", "10.0055", AMOUNT),
    ("amount", "10.005", "¿Son miles o decimales?"),
    ("amount", "1.234", "¿Son miles o decimales?"),
    ("amount", "1,234.567", AMOUNT),
    ("amount", "cien", AMOUNT),
    ("amount", "١٢٣", AMOUNT),
    ("amount", "12\x0034", AMOUNT),
    ("amount", "9" * 18, "demasiado grande"),
    ("amount", "9" * 5000, AMOUNT),
    ("amount", "1_000", AMOUNT),
    ("amount", "$ 12", AMOUNT),
    ("payer_bank", "9999", "Elija un banco de la lista"),
    ("payer_bank", "banesco", "Elija un banco de la lista"),
    ("payer_bank", "٠١٠٢", "Elija un banco de la lista"),
    ("operation_date", "ayer", DAY),
    ("operation_date", "2026-02-30", DAY),
    ("operation_date", "٢٠٢٦-٠١-٠١", DAY),
    ("operation_date", "2026-01-01\x00", DAY),
    ("operation_date", "99999-01-01", DAY),
    ("operation_date", "9999-12-31", "La fecha no puede ser futura."),
    ("operation_date", "0001-01-01", "demasiado antigua"),
    ("full_name", "", MISSING),
    ("full_name", "R", NAME),
    ("full_name", "Rosa 2", NAME),
    ("full_name", "Rosa <b>", NAME),
    ("full_name", "Rosa\x00Villegas", NAME),
    ("full_name", "--", NAME),
    ("full_name", "Rosa \U0001f600", NAME),
    ("full_name", "a" * 256, "entre 2 y 255"),
    ("national_id", "", MISSING),
    ("national_id", "V-123", CEDULA),
    ("national_id", "V-123456789", CEDULA),
    ("national_id", "X-1234567", CEDULA),
    ("national_id", "V١٢٣٤٥٦٧", CEDULA),
    ("national_id", "J-12345678-9", "no un RIF"),
    ("national_id", "V1234\x00567", CEDULA),
    ("phone", "", MISSING),
    ("phone", "0212-1234567", PHONE),
    ("phone", "0414-123456", PHONE),
    ("phone", "0414-12345678", PHONE),
    ("phone", "0400-1234567", "debe empezar por 0412"),
    ("phone", "٠٤١٤١٢٣٤٥٦٧", PHONE),
    ("phone", "0414\x001234567", PHONE),
    ("phone", "+1 414 123 4567", PHONE),
    ("concept", "x" * 501, "El concepto admite hasta 500 caracteres."),
    ("concept", "a\x00b", "caracteres que no se pueden guardar"),
    ("concept", "a\x1bb", "caracteres que no se pueden guardar"),
    ("transaction_id", "FAC 1", ID),
    ("transaction_id", "FÁC", ID),
    ("transaction_id", "x" * 101, ID),
    ("transaction_id", "١٢٣", ID),
    ("transaction_id", "a/b", ID),
    ("transaction_id", "NEW", "Esa palabra está reservada"),
]


@pytest.mark.parametrize("field", sorted({field for field, _, _ in WRONG}))
def test_a_wrong_field_says_how_it_should_look_and_all_that_was_typed_stays(
    cashier: Browser, field: str
):
    for value, sentence in [(value, said) for name, value, said in WRONG if name == field]:
        typed = payments.form(concept="Consulta de control")
        page = cashier.post(NEW, {**typed, field: value}, form=NEW).insist()
        assert page.status == 422, value
        assert sentence in page.text, value
        _only_this_is_marked(page, field)
        for name in {"reference", "amount", "full_name", "national_id", "phone"} - {field}:
            assert page.inputs[name] == typed[name]
        if field in page.inputs and field != "bank" and "\x00" not in value:
            assert page.inputs[field] == value
        if field != "concept":
            assert "Consulta de control" in page.text
        assert page.inputs["submission_key"]
    assert stored() == 0


def _only_this_is_marked(page: Page, field: str) -> None:
    if field != "bank":  # a group of radio buttons is described as a whole
        (control,) = [given for _, given in page.tags if given.get("aria-invalid") == "true"]
        assert control["name"] == field
        assert f"{control['id']}-error" in control["aria-describedby"]


def test_tomorrow_is_refused_and_today_in_caracas_is_not(cashier: Browser):
    today = clock.today()
    page = log(cashier, operation_date=(today + timedelta(days=1)).isoformat())
    assert page.status == 422
    assert "La fecha no puede ser futura." in page.text
    assert log(cashier, operation_date=today.isoformat()).status == 303


def test_an_empty_form_names_every_field_that_is_missing(cashier: Browser):
    page = cashier.post(NEW, {}, form=NEW).insist()
    assert page.status == 422
    for label in ("Referencia", "Monto", "Nombre y apellido", "Cédula", "Teléfono"):
        assert f"{label}: {MISSING}" in page.text
    assert stored() == 0


def test_fields_sent_twice_or_as_files_are_no_fault_of_ours(cashier: Browser):
    token = cashier.get(NEW).inputs
    doubled = {**payments.form(), **token, "reference": ["123", "456"], "bank": ["X", "Y"]}
    assert cashier._send("post", NEW, data=doubled).status_code == 422
    broken = cashier._send(
        "post",
        NEW,
        data=b'--x\r\nContent-Disposition: form-data; name="amount"\r\n\r\n\xff\xfe',
        content_type="multipart/form-data; boundary=x",
        headers={"X-CSRFToken": token["csrf_token"]},
    )
    assert 400 <= broken.status_code < 500
    assert stored() == 0


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"full_name": "maría d'angelo"}, {"customer_full_name": "María D'Angelo"}),
        ({"full_name": "PÉREZ-LÓPEZ ÑÁÑEZ"}, {"customer_full_name": "Pérez-López Ñáñez"}),
        ({"phone": "+58 414-123.45.67"}, {"customer_phone": "04141234567"}),
        ({"phone": "4141234567"}, {"customer_phone": "04141234567"}),
        ({"national_id": "12.345.678"}, {"customer_national_id": "V12345678"}),
        ({"national_id": "e-84.111.222"}, {"customer_national_id": "E84111222"}),
        ({"reference": " 000 000 123 "}, {"reference": "000000123"}),
        ({"concept": "  "}, {"concept": None}),
        ({"transaction_id": "FAC-2026_1"}, {"transaction_id": "FAC-2026_1", "id_assigned": False}),
        ({"transaction_id": ""}, {"id_assigned": True}),
        ({"bank": "BANESCO", "payer_bank": ""}, {"payer_bank": None}),
    ],
)
def test_venezuelan_spellings_are_stored_canonical(
    cashier: Browser, typed: dict[str, str], kept: dict[str, Any]
):
    saved = log(cashier, **typed)
    assert saved.status == 303
    row = the_one()
    assert {name: getattr(row, name) for name in kept} == kept


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1.234,56", "1234.56"),
        ("1234,56", "1234.56"),
        ("1234.56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("Bs. 1.234.567,8", "1234567.80"),
        ("12", "12.00"),
        ("9999999999999999,99", "9999999999999999.99"),
    ],
)
def test_amounts_are_read_as_people_write_them(cashier: Browser, typed: str, amount: str):
    assert log(cashier, amount=typed).status == 303
    assert str(the_one().amount) == amount


def test_a_saved_payment_has_its_first_event_and_the_bank_is_asked(
    cashier: Browser, bank: FakeGateway, cast: Cast
):
    saved = log(cashier)
    settle()
    page = cashier.follow(saved)
    assert "Pago guardado." in page.text
    assert "Pago registrado" in page.text
    assert cast.cashier.full_name in page.text
    assert [claim.reference for claim in bank.claims] == [the_one().reference]
    first = db.session.scalars(select(TransactionEvent)).one()
    assert (first.old_status, first.actor_id) == (None, cast.cashier.id)


def test_a_payment_that_the_bank_shows_is_verified_by_itself(cashier: Browser, bank: FakeGateway):
    reference = payments.new_reference()
    fitting = Transaction(reference=reference)
    bank.will_answer(answer(movement(fitting, amount=Decimal("1240.00"))))
    saved = log(cashier, reference=reference)
    settle()
    page = cashier.follow(saved)
    assert "Verificado" in page.text
    assert "hx-trigger" not in page.source


def test_a_bank_that_is_down_changes_nothing_about_saving(cashier: Browser, bank: FakeGateway):
    bank.will_answer(BankUnavailable("away"))
    saved = log(cashier)
    settle()
    assert saved.status == 303
    assert "En proceso" in cashier.follow(saved).text


def test_a_second_cashier_gets_the_link_to_the_first_payment(
    cashier: Browser, other_cashier: Browser, cast: Cast
):
    reference = payments.new_reference()
    log(cashier, reference=reference)
    first = the_one()
    page = log(other_cashier, reference=reference, full_name="Otra Persona").insist()
    assert page.status == 409
    assert "Esta referencia ya está registrada" in page.text
    assert cast.cashier.full_name in page.text
    assert formatting.moment(first.created_at) in page.text
    assert f"/transactions/{first.transaction_id}" in page.links
    assert page.inputs["full_name"] == "Otra Persona"
    assert page.inputs["reference"] == reference
    assert stored() == 1


def test_the_same_reference_may_be_a_commission_of_its_own(cashier: Browser):
    reference = payments.new_reference()
    assert log(cashier, reference=reference).status == 303
    assert log(cashier, reference=reference, transaction_type="COMMISSION").status == 303
    assert stored() == 2


def test_an_own_id_that_another_payment_has_is_refused(cashier: Browser):
    log(cashier, transaction_id="FAC-7")
    page = log(cashier, transaction_id="FAC-7").insist()
    assert page.status == 409
    assert "Ese identificador ya lo usa otro pago." in page.text
    assert stored() == 1


def test_one_form_sent_twice_makes_one_payment(cashier: Browser):
    sent = {**payments.form(), **_hidden(cashier)}
    answers = [cashier._send("post", NEW, data=sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert stored() == 1


def test_a_form_that_was_changed_and_sent_again_is_another_payment(cashier: Browser):
    hidden = _hidden(cashier)
    for _ in range(2):
        assert cashier._send("post", NEW, data={**payments.form(), **hidden}).status_code == 303
    assert stored() == 2


@pytest.mark.parametrize("key", ["", "x", "\x00" * 32, "é" * 32, "'; DROP TABLE x; --", "k" * 9999])
def test_a_submission_key_that_is_not_ours_is_replaced(cashier: Browser, key: str):
    hidden = {**_hidden(cashier), "submission_key": key}
    assert cashier._send("post", NEW, data={**payments.form(), **hidden}).status_code == 303
    assert len(the_one().submission_key or "") == 32


@pytest.mark.parametrize("token", [None, "nonsense"])
def test_a_form_of_another_session_comes_back_with_what_was_typed(
    app: Flask, cast: Cast, cashier: Browser, token: str | None
):
    typed = {**payments.form(full_name="Luisa Fernanda Ñáñez"), "submission_key": "k" * 32}
    sent = {**typed, "csrf_token": token} if token else typed
    refused = Page(cashier._send("post", NEW, data=sent))
    assert refused.status == 400
    assert "Su sesión cambió y no se guardó nada" in refused.text
    assert "por corregir" not in refused.text
    assert refused.inputs["full_name"] == "Luisa Fernanda Ñáñez"
    assert refused.inputs["reference"] == typed["reference"]
    assert stored() == 0
    again = {**refused.inputs, **typed, "csrf_token": refused.inputs["csrf_token"]}
    assert cashier._send("post", NEW, data=again).status_code == 303
    assert the_one().customer_full_name == "Luisa Fernanda Ñáñez"


def test_a_person_who_is_signed_out_while_typing_comes_back_to_the_form(anyone: Browser):
    sent = anyone._send("post", NEW, data={}, headers={"Referer": f"http://localhost{NEW}"})
    assert sent.status_code == 303
    assert sent.headers["Location"].endswith(f"/login?next={NEW}")


def _hidden(browser: Browser) -> dict[str, str]:
    shown = browser.get(NEW).inputs
    return {name: shown[name] for name in ("csrf_token", "submission_key")}


def _at_once(work: list[Any]) -> list[Any]:
    """Run every piece of work in a thread of its own, all started together."""
    start = threading.Barrier(len(work))
    results: list[Any] = [None] * len(work)

    def run(place: int) -> None:
        start.wait()
        results[place] = work[place]()

    threads = [
        threading.Thread(target=Context().run, args=(run, place)) for place in range(len(work))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def _cookies(browser: Browser) -> str:
    cookie = browser.client.get_cookie("areamedica_session")
    assert cookie
    return f"{cookie.key}={cookie.value}"


def _posting(app: Flask, browser: Browser, sent: dict[str, Any]) -> Any:
    cookies = _cookies(browser)
    client = app.test_client(use_cookies=False)
    return lambda: client.post(NEW, data=sent, headers={"Cookie": cookies})


def test_one_form_sent_twenty_times_at_once_makes_one_row(app: Flask, cashier: Browser):
    sent = {**payments.form(), **_hidden(cashier)}
    answers = _at_once([_posting(app, cashier, sent) for _ in range(20)])
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert stored() == 1
    settle()
    created = select(func.count()).select_from(TransactionEvent)
    assert db.session.scalar(created.where(TransactionEvent.old_status.is_(None))) == 1


def test_of_two_who_save_the_same_reference_at_once_one_wins_and_one_gets_the_link(
    app: Flask, cashier: Browser, other_cashier: Browser
):
    typed = payments.form()
    answers = _at_once(
        [
            _posting(app, browser, {**typed, **_hidden(browser)})
            for browser in (cashier, other_cashier)
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    (loser,) = [Page(answer) for answer in answers if answer.status_code == 409]
    assert f"/transactions/{the_one().transaction_id}" in loser.links


def test_the_form_needs_no_script_and_says_what_it_wants(cashier: Browser):
    page = cashier.get(NEW)
    for hint in ("9 dígitos", "Como 1.234,56", "Como V-12.345.678", "Como 0414-1234567"):
        assert hint in page.text
    (form,) = [given for tag, given in page.tags if tag == "form" and "data-payment-form" in given]
    assert form["method"] == "post"
    assert "hx-post" not in form


def test_a_deleted_payment_frees_its_reference(cashier: Browser, supervisor: Browser):
    reference = payments.new_reference()
    first = log(cashier, reference=reference)
    deleted = supervisor.post(
        f"{first.response.headers['Location']}/delete",
        {"reason": "Registrado por error", "version": 1},
    )
    assert deleted.status == 303
    assert log(cashier, reference=reference).status == 303
    assert queries.page(Filter(), number=1, size=10).total == 1
