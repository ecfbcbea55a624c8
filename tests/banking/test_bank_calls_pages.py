"""The evidence where people read it: the list for administrators, one call, and the payment's page."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support import payments
from tests.support.counting import counted_statements
from tests.support.pages import Browser
from tests.support.people import Cast
from webapp.banking import queries
from webapp.banking.models import BankCall
from webapp.banking.queries import CallFilter
from webapp.kernel import clock
from webapp.kernel.database import db


def put(**values: Any) -> BankCall:
    """A finished call, stored."""
    now = clock.now()
    given: dict[str, Any] = {
        "id": uuid.uuid4(),
        "environment": "qa",
        "dialect": "status",
        "operation": "transaction",
        "request": {"method": "GET", "url": "https://bank.test/v1/transactions/100000123"},
        "requested_at": now,
        "gives_up_at": now,
        "completed_at": now,
        "outcome": "found",
        "http_status": 200,
        "bank_code": "approved",
        "latency_ms": 87,
        "response": {"status": "approved"},
        "digest": "ab" * 32,
        **values,
    }
    call = BankCall(**given)
    db.session.add(call)
    db.session.commit()
    return call


def links_to_calls(page: Any) -> list[str]:
    return [url for url in page.links if url.startswith("/admin/bank-calls/")]


def test_an_administrator_finds_the_list_in_the_menu(app: Flask, admin: Browser, cashier: Browser):
    assert "/admin/bank-calls" in admin.get("/").links
    assert "/admin/bank-calls" not in cashier.get("/").links
    page = admin.get("/admin/bank-calls")
    assert "Todavía no se ha consultado al banco" in page.text
    assert "Nada que atender" in page.text


def test_the_newest_call_stands_first_and_pages_neither_skip_nor_repeat(app: Flask, admin: Browser):
    # Many in the same instant: the order must not depend on time alone.
    moment = clock.now()
    calls = {str(put(requested_at=moment - timedelta(seconds=n // 40)).id) for n in range(120)}
    url, seen = "/admin/bank-calls", []
    while url:
        page = admin.get(url)
        seen += [link.rpartition("/")[2] for link in links_to_calls(page)]
        url = next((link for link in page.links if "before=" in link), "")
    assert len(seen) == 120 and set(seen) == calls
    first = admin.get("/admin/bank-calls")
    assert "Las más nuevas" not in first.text and "Más antiguas" in first.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("environment=production", 1),
        ("dialect=confirmation", 1),
        ("operation=token", 1),
        ("outcome=refused", 1),
        ("outcome=refused&operation=token", 0),
        ("from_date={today}", 4),
        ("to_date={yesterday}", 1),
        ("from_date={yesterday}&to_date={yesterday}", 1),
        ("", 5),
    ],
)
def test_each_filter_narrows_the_list(app: Flask, admin: Browser, query: str, found: int):
    put(environment="production")
    put(dialect="confirmation")
    put(operation="token", outcome="token")
    put(outcome="refused", http_status=401)
    today = clock.today()
    put(requested_at=clock.start_of_day(today) - timedelta(microseconds=1))
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    page = admin.get(f"/admin/bank-calls?{query.format(**days)}")
    assert len(links_to_calls(page)) == found


def test_the_calls_of_one_payment_are_found_by_its_identifier(
    app: Flask, cast: Cast, admin: Browser
):
    payment = payments.logged(cast.cashier, transaction_id="FAC-77")
    put(transaction_id=payment.id)
    put()
    for key in ("FAC-77", str(payment.id)):
        assert len(links_to_calls(admin.get(f"/admin/bank-calls?transaction_id={key}"))) == 1
    for key in ("FAC-78", str(uuid.uuid4())):
        page = admin.get(f"/admin/bank-calls?transaction_id={key}")
        assert "Ninguna consulta coincide" in page.text


@pytest.mark.parametrize(
    "query",
    [
        "outcome=perfect",
        "environment=%00",
        "from_date=ayer",
        "from_date=2026-11-24&to_date=2026-11-23",
        "to_date=9999-12-31",
        "transaction_id=%ED%A0%80",
        "transaction_id=" + "x" * 101,
        "transaction_id=%00",
    ],
)
def test_a_filter_that_makes_no_sense_gets_a_sentence(app: Flask, admin: Browser, query: str):
    page = admin.get(f"/admin/bank-calls?{query}").insist()
    assert page.status == 422
    assert 'class="field-error"' in page.source


@pytest.mark.parametrize(
    "mark", ["x", "2026-11-24_1", "_", "%00", "2026-11-24T00:00:00_" + "0" * 32]
)
def test_a_mark_that_cannot_be_read_shows_the_lists_beginning(
    app: Flask, admin: Browser, mark: str
):
    put()
    page = admin.get(f"/admin/bank-calls?before={mark}")
    assert page.status == 200 and len(links_to_calls(page)) == 1


def test_what_an_operator_must_act_on_stands_above_the_list(app: Flask, admin: Browser):
    put(outcome="refused", http_status=401, operation="token", environment="production")
    put(outcome="refused", http_status=400)
    put(outcome="refused", http_status=400)
    put(outcome="unreadable")
    put(outcome="unreadable", requested_at=clock.now() - timedelta(hours=25))
    put(outcome="unavailable")
    page = admin.get("/admin/bank-calls")
    assert "Producción: 1 vez" in page.text and "no aceptó nuestras credenciales" in page.text
    assert "Pruebas (QA): 2 veces" in page.text and "la consulta está mal hecha" in page.text
    assert "Pruebas (QA): 1 vez" in page.text and "algo que no se entiende" in page.text
    assert "Nada que atender" not in page.text


@pytest.mark.parametrize("code", ["VRN01", None])
def test_the_banks_code_for_credentials_is_told_from_a_wrong_question(app: Flask, code):
    put(outcome="refused", http_status=200, bank_code=code)
    (seen,) = queries.troubles()
    assert seen.kind.value == ("credentials" if code else "question")


def test_one_call_shows_the_whole_evidence_and_leads_to_its_payment(
    app: Flask, cast: Cast, admin: Browser
):
    payment = payments.logged(cast.cashier)
    call = put(transaction_id=payment.id, response={"concept": "</script><b>x"})
    page = admin.get(f"/admin/bank-calls/{call.id}")
    for shown in ("Lo muestra", "approved", "87 ms", "ab" * 32, "transactions/100000123"):
        assert shown in page.text
    assert "</script><b>x" in page.text and "<b>x" not in page.source
    (link,) = [url for url in page.links if str(payment.id) in url]
    assert payment.customer_full_name in admin.get(link).text
    assert admin.get(f"/admin/bank-calls/{uuid.uuid4()}").status == 404
    assert admin.get("/admin/bank-calls/nonsense").status == 404


def test_a_call_that_never_ended_is_said_to_be_unfinished(app: Flask, admin: Browser):
    call = put(
        completed_at=None,
        outcome=None,
        http_status=None,
        response=None,
        latency_ms=None,
        digest=None,
    )
    page = admin.get(f"/admin/bank-calls/{call.id}")
    assert "Sin terminar" in page.text and "No llegó ninguna respuesta" in page.text


def test_supervisors_see_the_evidence_on_the_payments_page_and_cashiers_do_not(
    app: Flask, cast: Cast, supervisor: Browser, cashier: Browser
):
    payment = payments.logged(cast.cashier)
    put(transaction_id=payment.id, outcome="not_found", http_status=404, response={"m": "nada"})
    put(outcome="refused")
    url = f"/transactions/{payment.transaction_id}"
    page = supervisor.get(url)
    assert "Consultas al banco (1)" in page.text
    for shown in ("No lo muestra todavía", "HTTP 404", "87 ms", '"m": "nada"'):
        assert shown in page.text
    assert "Consultas al banco" not in cashier.get(url).text


def test_the_payments_page_shows_the_50_newest_calls_with_one_query(
    app: Flask, cast: Cast, supervisor: Browser
):
    payment = payments.logged(cast.cashier)
    url = f"/transactions/{payment.transaction_id}"

    def statements() -> int:
        with counted_statements() as sent:
            supervisor.get(url)
        return len([one for one in sent if "bank_calls" in one])

    put(transaction_id=payment.id)
    few = statements()
    for n in range(60):
        put(transaction_id=payment.id, detail=f"call-{n:02}")
    assert statements() == few
    page = supervisor.get(url)
    assert "Consultas al banco (50)" in page.text
    assert "call-59" in page.text and "call-09" not in page.text


def test_pages_of_the_list_cost_the_same_however_long_it_is(app: Flask):
    db.session.execute(
        text(
            "INSERT INTO bank_calls (environment, dialect, operation, request, requested_at,"
            " gives_up_at, completed_at, outcome) SELECT 'qa', 'status', 'transaction', '{}',"
            " now() - n * interval '1 second', now(), now(),"
            " CASE WHEN n % 5000 = 0 THEN 'refused' ELSE 'found' END"
            " FROM generate_series(1, 20000) n"
        )
    )
    db.session.commit()
    db.session.execute(text("ANALYZE bank_calls"))
    for wanted in (
        CallFilter(),
        CallFilter(outcome="refused"),
        CallFilter(environment="production"),
    ):
        with counted_statements() as sent:
            queries.page(wanted, before=None, size=50)
        assert len(sent) == 1
        plan = " ".join(db.session.scalars(_explained(wanted)))
        assert "Seq Scan" not in plan, plan
    assert len(queries.page(CallFilter(outcome="refused"), before=None, size=50).items) == 4


def _explained(wanted: CallFilter) -> Any:
    conditions = [
        f"{name} = '{value}'"
        for name, value in (("outcome", wanted.outcome), ("environment", wanted.environment))
        if value
    ]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return text(
        f"EXPLAIN SELECT * FROM bank_calls {where} ORDER BY requested_at DESC, id DESC LIMIT 51"
    )
