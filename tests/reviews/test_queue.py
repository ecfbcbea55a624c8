"""The supervisor's queue: never one's own entry, always a reason, and a second person is told who decided."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import Context
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support import payments
from tests.support.background import settle
from tests.support.bank import FakeGateway, answer, movement
from tests.support.counting import counted_statements
from tests.support.pages import Browser, Page
from tests.support.people import Cast, Person
from webapp.kernel.database import db
from webapp.reviews import views
from webapp.transactions import checking, queries
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction

QUEUE = "/reviews"


@pytest.fixture(autouse=True)
def quiet(bank: FakeGateway) -> Iterator[None]:
    """Wait after each test until the bank has been asked everything."""
    yield
    settle()


def doubtful(app: Flask, bank: FakeGateway, person: Person, **changes: Any) -> Transaction:
    """Return a payment for which the bank shows another amount."""
    payment = payments.logged(person, **changes)
    bank.will_answer(answer(movement(payment, amount=Decimal("1000.00"))))
    checking.check(payment.id, bank=app.extensions["bank"])
    assert payments.reread(payment).status is Status.TO_REVIEW
    return payment


def decide(
    browser: Browser,
    payment: Transaction,
    decision: str,
    reason: str = "Vi el estado de cuenta",
    *,
    back: str = "?back=queue",
    htmx: bool = False,
) -> Page:
    url = f"/transactions/{payment.transaction_id}/review{back}"
    sent = {"decision": decision, "reason": reason, "version": payments.reread(payment).version}
    return browser.post(url, sent, htmx=htmx)


def test_what_waits_is_listed_with_its_reasons_the_oldest_first(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser
):
    doubtful(app, bank, cast.cashier, full_name="Primera Persona")
    doubtful(app, bank, cast.other_cashier, full_name="Segunda Persona")
    payments.logged(cast.cashier, full_name="En Proceso")
    page = supervisor.get(QUEUE)
    assert "2 pagos esperan una decisión" in page.text
    assert page.text.index("Primera Persona") < page.text.index("Segunda Persona")
    assert "El monto no coincide: se declaró Bs. 1.240,00" in page.text
    assert "En Proceso" not in page.text
    (count,) = [given for _, given in page.tags if given.get("class") == "count"]
    assert count


def test_an_empty_queue_says_so(supervisor: Browser):
    assert "No hay nada por revisar" in supervisor.get(QUEUE).text


@pytest.mark.parametrize(
    ("decision", "status", "words"),
    [("approve", Status.COMPLETED, "aprobado."), ("reject", Status.CANCELED, "rechazado.")],
)
@pytest.mark.parametrize("back", ["", "?back=queue"])
def test_a_supervisor_decides_with_a_reason(
    app: Flask,
    cast: Cast,
    bank: FakeGateway,
    supervisor: Browser,
    decision: str,
    status: Status,
    words: str,
    back: str,
):
    payment = doubtful(app, bank, cast.cashier)
    done = decide(supervisor, payment, decision, back=back)
    assert done.status == 303
    page = supervisor.follow(done)
    assert page.response.request.path == (
        QUEUE if back else f"/transactions/{payment.transaction_id}"
    )
    assert f"Pago {payment.transaction_id} {words}" in page.text
    assert payments.reread(payment).status is status
    last = queries.events_of(payment.id)[-1]
    assert (last.old_status, last.new_status) == (Status.TO_REVIEW, status)
    assert (last.reason, last.actor_id) == ("Vi el estado de cuenta", cast.supervisor.id)


def test_htmx_gets_the_queue_that_is_left(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser
):
    first = doubtful(app, bank, cast.cashier, full_name="Primera Persona")
    doubtful(app, bank, cast.cashier, full_name="Segunda Persona")
    part = decide(supervisor, first, "approve", htmx=True)
    assert part.status == 200
    assert "<html" not in part.source
    assert "Primera Persona" not in part.text
    assert "Segunda Persona" in part.text
    assert f"Pago {first.transaction_id} aprobado." in part.text
    assert "hx-swap-oob" in part.source


@pytest.mark.parametrize("reason", ["", "   ", "\n", "x" * 501, "a\x00b"])
@pytest.mark.parametrize("back", ["", "?back=queue"])
def test_without_a_usable_reason_nothing_is_decided(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser, reason: str, back: str
):
    payment = doubtful(app, bank, cast.cashier)
    page = decide(supervisor, payment, "approve", reason, back=back).insist()
    assert page.status == 422
    assert "motivo" in page.text
    assert "aria-invalid" in page.source
    if len(reason) > 500:
        assert reason in page.source
    assert payments.reread(payment).status is Status.TO_REVIEW


@pytest.mark.parametrize("decision", ["", "maybe", "APPROVE", "\x00", "approve,reject"])
def test_an_unknown_decision_decides_nothing(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser, decision: str
):
    payment = doubtful(app, bank, cast.cashier)
    page = decide(supervisor, payment, decision, "Un motivo largo").insist()
    assert page.status == 422
    assert "Elija aprobar o rechazar." in page.text
    assert "Un motivo largo" in page.source
    assert payments.reread(payment).status is Status.TO_REVIEW


def test_nobody_decides_their_own_entry(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser
):
    payment = doubtful(app, bank, cast.supervisor)
    page = supervisor.get(QUEUE)
    assert "Usted registró este pago: debe decidirlo otra persona." in page.text
    assert "Aprobar" not in page.text
    one = supervisor.get(f"/transactions/{payment.transaction_id}")
    assert "Usted registró este pago" in one.text
    assert "Aprobar" not in one.text
    for back in ("", "?back=queue"):
        refused = decide(supervisor, payment, "approve", back=back).insist()
        assert refused.status == 403
        assert "Usted registró este pago" in refused.text
    assert payments.reread(payment).status is Status.TO_REVIEW
    assert decide(Browser(app).sign_in(cast.other_supervisor), payment, "approve").status == 303


def test_four_eyes_bind_the_administrator_too(
    app: Flask, cast: Cast, bank: FakeGateway, admin: Browser
):
    payment = doubtful(app, bank, cast.admin)
    assert decide(admin, payment, "approve").status == 403


def test_the_person_who_corrected_it_last_does_not_decide_it(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser
):
    payment = doubtful(app, bank, cast.cashier)
    db.session.execute(
        text("UPDATE transactions SET updated_by = :who WHERE id = :id"),
        {"who": cast.supervisor.id, "id": payment.id},
    )
    db.session.commit()
    assert "Usted corrigió este pago" in supervisor.get(QUEUE).text
    assert decide(supervisor, payment, "reject").status == 403


def test_the_second_supervisor_is_told_who_decided(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser
):
    payment = doubtful(app, bank, cast.cashier)
    decide(Browser(app).sign_in(cast.other_supervisor), payment, "reject")
    for back in ("", "?back=queue"):
        page = decide(supervisor, payment, "approve", back=back).insist()
        assert page.status == 409
        assert f"Este pago ya fue decidido: {cast.other_supervisor.full_name}" in page.text
    part = decide(supervisor, payment, "approve", htmx=True)
    assert part.status == 409
    assert "ya fue decidido" in part.text
    assert payments.reread(payment).status is Status.CANCELED


def test_of_two_decisions_at_once_one_counts(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser
):
    payment = doubtful(app, bank, cast.cashier)
    second = Browser(app).sign_in(cast.other_supervisor)
    start, answers = threading.Barrier(2), {}
    version = payments.reread(payment).version

    def send(browser: Browser, decision: str) -> None:
        token = browser.get(QUEUE).inputs["csrf_token"]
        start.wait()
        answers[decision] = browser._send(
            "post",
            f"/transactions/{payment.transaction_id}/review",
            data={
                "csrf_token": token,
                "decision": decision,
                "reason": "Un motivo",
                "version": version,
            },
        ).status_code

    threads = [
        threading.Thread(target=Context().run, args=(send, browser, decision))
        for browser, decision in ((supervisor, "approve"), (second, "reject"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers.values()) == [303, 409]
    decisions = [e for e in queries.events_of(payment.id) if e.old_status is Status.TO_REVIEW]
    assert len(decisions) == 1


def test_of_several_movements_the_supervisor_chooses_on_the_payments_page(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser
):
    payment = payments.logged(cast.cashier)
    bank.will_answer(
        answer(
            movement(payment, identity="one", reference=f"111{payment.reference}"),
            movement(payment, identity="two", reference=f"222{payment.reference}"),
        )
    )
    checking.check(payment.id, bank=app.extensions["bank"])
    queue = supervisor.get(QUEUE)
    assert "Elegir el movimiento" in queue.text
    assert "approve" not in {given.get("value") for tag, given in queue.tags if tag == "button"}
    page = supervisor.get(f"/transactions/{payment.transaction_id}")
    choices = {given["value"] for _, given in page.tags if given.get("name") == "movement"}
    assert choices == {"one", "two", ""}
    sent = {
        "decision": "approve",
        "reason": "La segunda, por la hora",
        "movement": "two",
        "version": page.inputs["version"],
    }
    supervisor.post(f"/transactions/{payment.transaction_id}/review", sent)
    approved = payments.reread(payment)
    assert (approved.status, approved.matched_movement) == (Status.COMPLETED, "two")
    shown = supervisor.get(f"/transactions/{payment.transaction_id}").text
    assert f"222{payment.reference}" in shown


@pytest.mark.parametrize("back", ["", "?back=queue"])
def test_nobody_decides_about_what_they_did_not_see(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser, back: str
):
    payment = doubtful(app, bank, cast.cashier)
    where = QUEUE if back else f"/transactions/{payment.transaction_id}"
    seen = supervisor.get(where).inputs["version"]
    bank.will_answer(answer(movement(payment, amount=Decimal("1.00"))))
    checking.check(payment.id, bank=app.extensions["bank"])
    sent = {"decision": "approve", "reason": "Falta poco, de acuerdo", "version": seen}
    refused = supervisor.post(f"/transactions/{payment.transaction_id}/review{back}", sent)
    assert refused.status == 409
    assert "cambió mientras usted lo revisaba" in refused.text
    assert "Falta poco, de acuerdo" in refused.text
    assert payments.reread(payment).status is Status.TO_REVIEW
    sent["version"] = refused.inputs["version"]
    supervisor.post(f"/transactions/{payment.transaction_id}/review{back}", sent)
    assert payments.reread(payment).status is Status.COMPLETED


@pytest.mark.parametrize("version", [None, "", "x", "0", "-1", "99999999999999999999"])
@pytest.mark.parametrize("back", ["", "?back=queue"])
def test_a_decision_that_does_not_say_what_was_seen_decides_nothing(
    app: Flask,
    cast: Cast,
    bank: FakeGateway,
    supervisor: Browser,
    version: str | None,
    back: str,
):
    payment = doubtful(app, bank, cast.cashier)
    url = f"/transactions/{payment.transaction_id}/review{back}"
    sent = {"decision": "approve", "reason": "Vi el estado de cuenta"}
    refused = supervisor.post(url, sent if version is None else {**sent, "version": version})
    assert refused.insist().status == 409
    if version is None:
        assert "no dice qué versión de este pago vio usted" in refused.text
    assert "Vi el estado de cuenta" in refused.text
    assert payments.reread(payment).status is Status.TO_REVIEW
    assert len(queries.events_of(payment.id)) == 2
    again = supervisor.post(url, {**sent, "version": refused.inputs["version"]})
    assert again.status == 303
    assert payments.reread(payment).status is Status.COMPLETED


def test_what_is_still_in_process_cannot_be_decided(cast: Cast, supervisor: Browser):
    payment = payments.logged(cast.cashier)
    page = decide(supervisor, payment, "approve", back="")
    assert page.status == 409
    assert "todavía está en proceso" in page.text


def test_the_cost_of_the_queue_does_not_grow_with_it(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser
):
    for _ in range(2):
        doubtful(app, bank, cast.cashier)
    supervisor.get(QUEUE)
    with counted_statements() as few:
        supervisor.get(QUEUE)
    for person in (cast.cashier, cast.other_cashier):
        doubtful(app, bank, person)
    with counted_statements() as many:
        supervisor.get(QUEUE)
    assert 0 < len(few) == len(many) <= 8


def test_a_long_queue_shows_those_that_wait_longest_and_says_how_many_there_are(
    app: Flask, cast: Cast, bank: FakeGateway, supervisor: Browser, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(views, "MOST_SHOWN", 2)
    for name in ("Ana Uno", "Ana Dos", "Ana Tres"):
        doubtful(app, bank, cast.cashier, full_name=name)
    page = supervisor.get("/reviews")
    assert "3 pagos esperan una decisión" in page.text
    assert "Aquí están los 2 que llevan más tiempo esperando" in page.text
    assert "Ana Uno" in page.text and "Ana Dos" in page.text and "Ana Tres" not in page.text
