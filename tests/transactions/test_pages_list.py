"""The list: filters, pages, what HTMX gets, and what it costs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support import payments
from tests.support.counting import counted_statements
from tests.support.pages import Browser, Page
from tests.support.people import Cast
from webapp.banking.gateway import BankType, TransactionType
from webapp.kernel.database import db
from webapp.transactions.models import Transaction

LIST = "/transactions"


def names(page: Page) -> list[str]:
    """Return the ids of the payments on a page, in order."""
    rows = [given["href"] for _, given in page.tags if "row-link" in given.get("class", "")]
    return [href.rsplit("/", 1)[-1] for href in rows]


def put(transaction: Transaction, **values: object) -> None:
    """Set columns behind the service's back."""
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    db.session.execute(
        text(f"UPDATE transactions SET {assignments} WHERE id = :id"),
        {**values, "id": transaction.id},
    )
    db.session.commit()


@pytest.fixture
def three(app: Flask, cast: Cast) -> None:
    """Log three payments that differ in everything that can be filtered."""
    payments.logged(
        cast.cashier,
        transaction_id="A",
        full_name="María D'Angelo",
        phone="04121112233",
        national_id="V1111111",
        bank=BankType.BANESCO,
        reference="111111111",
    )
    second = payments.logged(
        cast.cashier,
        transaction_id="B",
        full_name="José Pérez-López",
        phone="04142223344",
        national_id="E22222222",
        transaction_type=TransactionType.COMMISSION,
        reference="222222222",
    )
    third = payments.logged(
        cast.other_cashier,
        transaction_id="C",
        full_name="Ñáñez Rosa",
        phone="04163334455",
        national_id="V3333333",
        reference="333333333",
    )
    put(second, status="TO_REVIEW")
    put(third, status="COMPLETED")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "CBA"),
        ("q=&status=&bank=&reference=", "CBA"),
        ("status=IN_PROGRESS", "A"),
        ("status=TO_REVIEW", "B"),
        ("status=UNKNOWN", ""),
        ("bank=BANESCO", "A"),
        ("bank=MOBILE_TRANSFER", "CB"),
        ("transaction_type=COMMISSION", "B"),
        ("reference=222222222", "B"),
        ("reference=222 222 222", "B"),
        ("phone=0412-111.22.33", "A"),
        ("phone=%2B58 4163334455", "C"),
        ("national_id=22.222.222", ""),
        ("national_id=E-22.222.222", "B"),
        ("q=maria", "A"),
        ("q=dangelo", ""),
        ("q=ange", "A"),
        ("q=PEREZ jose", "B"),
        ("q=nanez", "C"),
        ("q=333333333", "C"),
        ("q=B", "B"),
        ("q=%25", ""),
        ("q='", ""),
        ("q=%26 | ! ( ) :* <->", ""),
        ("q=maria&status=COMPLETED", ""),
        ("unknown=1", "CBA"),
    ],
)
def test_each_filter_narrows_the_list(three: None, cashier: Browser, query: str, found: str):
    page = cashier.get(f"{LIST}?{query}")
    assert page.status == 200
    assert "".join(names(page)) == found
    assert f"{len(found)} pago" in page.text
    if not found:
        assert "Ningún pago coincide con estos filtros" in page.text


def test_the_list_offers_everybody_who_logged_and_narrows_to_one(
    app: Flask, cast: Cast, cashier: Browser
):
    own = payments.logged(cast.cashier)
    payments.logged(cast.other_cashier)
    options = [
        given["value"]
        for tag, given in cashier.get(LIST).tags
        if tag == "option" and given["value"]
    ]
    people = [str(person.id) for person in (cast.cashier, cast.other_cashier)]
    assert set(people) <= set(options) and str(cast.supervisor.id) not in options
    assert names(cashier.get(f"{LIST}?created_by={people[0]}")) == [own.transaction_id]


def test_the_filter_stays_in_its_fields(three: None, cashier: Browser):
    page = cashier.get(f"{LIST}?q=maria&status=IN_PROGRESS&from_date=2026-01-01")
    assert page.inputs["q"] == "maria"
    assert page.inputs["from_date"] == "2026-01-01"
    assert '<option selected value="IN_PROGRESS">' in page.source


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("status=PAID", "Elija una de las opciones."),
        ("status=in_progress", "Elija una de las opciones."),
        ("bank=X", "Elija una de las opciones."),
        ("transaction_type=%00", "Elija una de las opciones."),
        ("reference=abc", "La referencia tiene de 1 a 20 dígitos"),
        ("reference=%D9%A1%D9%A2", "La referencia tiene de 1 a 20 dígitos"),
        ("phone=123", "No parece un teléfono móvil."),
        ("national_id=X1", "La cédula"),
        ("national_id=J-12345678-9", "no un RIF"),
        ("from_date=ayer", "No parece una fecha."),
        ("to_date=2026-13-01", "No parece una fecha."),
        ("from_date=2026-02-02&to_date=2026-02-01", "no puede ser anterior"),
        ("to_date=9999-12-31", "no existe en el calendario"),
        ("q=%00", "Busque por un nombre"),
        ("q=" + "x" * 300, "Busque por un nombre"),
    ],
)
def test_a_filter_that_makes_no_sense_is_said_and_shows_nothing(
    three: None, cashier: Browser, query: str, sentence: str
):
    page = cashier.get(f"{LIST}?{query}").insist()
    assert page.status == 422
    assert sentence in page.text
    assert names(page) == []


def test_half_a_character_in_the_address_is_no_fault_of_ours(cashier: Browser):
    for query in ("q=%ff%fe", "status=%ff", "from_date=%ff", "phone=%ed%a0%80", "q=%ed%a0%80"):
        assert cashier.get(f"{LIST}?{query}").status < 500, query


def test_dates_are_days_of_caracas_both_included(app: Flask, cast: Cast, cashier: Browser):
    edges = {
        "before": datetime(2026, 3, 10, 3, 59, 59, 999999, UTC),
        "first": datetime(2026, 3, 10, 4, 0, 0, 0, UTC),
        "last": datetime(2026, 3, 11, 3, 59, 59, 999999, UTC),
        "after": datetime(2026, 3, 11, 4, 0, 0, 0, UTC),
    }
    for name, moment in edges.items():
        put(payments.logged(cast.cashier, transaction_id=name), created_at=moment)
    of_the_day = cashier.get(f"{LIST}?from_date=2026-03-10&to_date=2026-03-10")
    assert names(of_the_day) == ["last", "first"]
    assert names(cashier.get(f"{LIST}?from_date=2026-03-11")) == ["after"]
    assert names(cashier.get(f"{LIST}?to_date=2026-03-09")) == ["before"]
    assert "10/03/2026" in of_the_day.text
    assert names(cashier.get(f"{LIST}?from_date={date.max}")) == []
    assert names(cashier.get(f"{LIST}?from_date={date.min}&to_date=2026-03-09")) == ["before"]


def test_the_list_is_cut_into_pages_that_keep_the_filter(app: Flask, cast: Cast, cashier: Browser):
    for number in range(27):
        payments.logged(cast.cashier, transaction_id=f"P{number:02}")
    first = cashier.get(f"{LIST}?status=IN_PROGRESS")
    assert names(first) == [f"P{number:02}" for number in range(26, 1, -1)]
    assert "Página 1 de 2" in first.text
    assert "27 pagos" in first.text
    (following,) = [url for url in first.links if "page=2" in url]
    assert "status=IN_PROGRESS" in following
    second = cashier.get(following)
    assert names(second) == ["P01", "P00"]
    assert f"{LIST}?status=IN_PROGRESS" in second.links


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999999999999", "1e3", "%00", "2"])
def test_a_page_number_beyond_the_end_shows_the_last_page(
    app: Flask, cast: Cast, cashier: Browser, number: str
):
    payment = payments.logged(cast.cashier)
    page = cashier.get(f"{LIST}?page={number}")
    assert page.status == 200
    assert "1 pago" in page.text
    assert payment.reference in page.text


def test_an_empty_house_says_what_to_do(cashier: Browser):
    page = cashier.get(LIST)
    assert "Aún no hay pagos registrados" in page.text
    assert "/transactions/new" in page.links


def test_htmx_gets_only_the_rows(three: None, cashier: Browser):
    part = cashier.get(f"{LIST}?status=TO_REVIEW", htmx=True)
    assert names(part) == ["B"]
    assert "<html" not in part.source
    assert part.source.lstrip().startswith("<section")
    boosted = cashier.get(LIST, htmx=True, headers={"HX-Boosted": "true"})
    assert "<html" in boosted.source
    wrong = cashier.get(f"{LIST}?status=PAID", htmx=True)
    assert wrong.status == 422
    assert "<html" not in wrong.source


def test_the_rows_refresh_themselves_only_while_one_is_in_process(three: None, cashier: Browser):
    moving = cashier.get(f"{LIST}?q=maria&status=IN_PROGRESS")
    (rows,) = [given for _, given in moving.tags if given.get("id") == "rows"]
    assert rows["hx-get"] == "/transactions?q=maria&status=IN_PROGRESS"
    assert rows["hx-trigger"] == "poll"
    for query in ("?status=COMPLETED", "?status=UNKNOWN", "?status=PAID"):
        still = cashier.get(f"{LIST}{query}")
        (rows,) = [given for _, given in still.tags if given.get("id") == "rows"]
        assert "hx-trigger" not in rows
        assert "hx-get" not in rows


def test_a_row_tells_amount_payer_and_who_logged_it(app: Flask, cast: Cast, cashier: Browser):
    payments.logged(cast.cashier, amount=Decimal("1234567.80"))
    text_ = cashier.get(LIST).text
    for shown in (
        "Bs. 1.234.567,80",
        "Rosa Elena Villegas",
        "V-9.876.543",
        "0414-1234567",
        "Pago móvil",
        "En proceso",
        cast.cashier.full_name,
    ):
        assert shown in text_


@pytest.mark.parametrize("url", [LIST, f"{LIST}?status=IN_PROGRESS&q=rosa", "/"])
def test_the_cost_of_a_list_does_not_grow_with_its_rows(
    app: Flask, cast: Cast, cashier: Browser, url: str
):
    for _ in range(3):
        payments.logged(cast.cashier)
    cashier.get(url)
    with counted_statements() as few:
        cashier.get(url)
    for person in (cast.cashier, cast.other_cashier, cast.supervisor):
        payments.logged(person)
    with counted_statements() as many:
        cashier.get(url)
    assert 0 < len(few) == len(many) <= 8


def test_deleted_payments_are_in_no_list(app: Flask, cast: Cast, cashier: Browser):
    payment = payments.logged(cast.cashier)
    put(payment, deleted_at=datetime.now(UTC) - timedelta(days=1), reference_key=None)
    assert "Aún no hay pagos registrados" in cashier.get(LIST).text
