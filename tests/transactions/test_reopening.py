"""An administrator reopens what was decided, on the page and through the API; another person decides it again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.pages import Browser, Page
from tests.support.people import Cast, Person
from tests.support.programs import Program
from webapp.banking.gateway import MovementState
from webapp.transactions import checking, queries, service
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction
from webapp.transactions.service import Verdict

pytestmark = pytest.mark.usefixtures("bank")
REASON = "El paciente trajo otro comprobante"


def rejected(
    app: Flask, cast: Cast, bank: FakeGateway, person: Person | None = None
) -> Transaction:
    """Return a payment that the supervisor rejected."""
    payment = payments.logged(person or cast.cashier)
    bank.will_answer(answer(movement(payment, amount=Decimal("1.00"))))
    checking.check(payment.id, bank=app.extensions["bank"])
    return service.decide(
        actor=cast.supervisor.actor, row_id=payment.id, verdict=Verdict.REJECT, reason="Falta"
    )


def page_of(payment: Transaction) -> str:
    return f"/transactions/{payment.transaction_id}"


def reopen(browser: Browser, payment: Transaction, reason: str = REASON, **more: object) -> Page:
    sent = {"reason": reason, "version": payments.reread(payment).version, **more}
    return browser.post(f"{page_of(payment)}/reopen", sent)


def test_an_administrator_reopens_from_the_page_and_somebody_else_decides(
    app: Flask, cast: Cast, bank: FakeGateway, admin: Browser, supervisor: Browser
):
    payment = rejected(app, cast, bank)
    assert "Reabrir este pago" in admin.get(page_of(payment)).text
    done = reopen(admin, payment)
    assert (done.status, done.response.headers["Location"]) == (303, page_of(payment))
    page = admin.follow(done)
    assert "Pago reabierto. Ahora debe decidirlo otra persona." in page.text
    assert "Reabierto para revisión" in page.text and REASON in page.text
    assert "Usted reabrió este pago: debe decidirlo otra persona." in page.text
    assert "Aprobar" not in page.text and "Reabrir" not in page.text
    assert page_of(payment) in supervisor.get("/reviews").links
    last = queries.events_of(payment.id)[-1]
    assert (last.old_status, last.new_status) == (Status.CANCELED, Status.TO_REVIEW)
    assert (last.reason, last.actor_id) == (REASON, cast.admin.id)
    decided = {"decision": "approve", "reason": "Ya llegó"}
    assert (
        supervisor.post(f"{page_of(payment)}/review", decided, form=page_of(payment)).status == 303
    )
    assert payments.reread(payment).status is Status.COMPLETED


def test_what_the_bank_rejected_can_be_reopened(
    app: Flask, cast: Cast, bank: FakeGateway, admin: Browser
):
    payment = payments.logged(cast.cashier)
    bank.will_answer(answer(movement(payment, state=MovementState.REFUSED, word="rejected")))
    checking.check(payment.id, bank=app.extensions["bank"])
    assert payments.reread(payment).status is Status.CANCELED
    assert reopen(admin, payment).status == 303
    assert payments.reread(payment).status is Status.TO_REVIEW


def test_an_administrator_who_logged_it_may_reopen_and_never_decide_it(
    app: Flask, cast: Cast, bank: FakeGateway, admin: Browser
):
    payment = rejected(app, cast, bank, cast.admin)
    assert reopen(admin, payment).status == 303
    decided = {"decision": "approve", "reason": "Ya llegó"}
    refused = admin.post(f"{page_of(payment)}/review", decided, form=page_of(payment))
    assert refused.status == 403
    assert payments.reread(payment).status is Status.TO_REVIEW


@pytest.mark.parametrize("who", ["cashier", "supervisor"])
def test_nobody_else_sees_or_reaches_it(
    app: Flask, cast: Cast, bank: FakeGateway, who: str, request: pytest.FixtureRequest
):
    payment = rejected(app, cast, bank)
    browser: Browser = request.getfixturevalue(who)
    assert "Reabrir" not in browser.get(page_of(payment)).text
    assert reopen(browser, payment).status == 403
    assert payments.reread(payment).status is Status.CANCELED


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "a\x00b"])
def test_it_needs_a_reason(app: Flask, cast: Cast, bank: FakeGateway, admin: Browser, reason: str):
    payment = rejected(app, cast, bank)
    page = reopen(admin, payment, reason).insist()
    assert page.status == 422
    assert "aria-invalid" in page.source
    assert payments.reread(payment).status is Status.CANCELED


@pytest.mark.parametrize("version", ["", "1", "x"])
def test_it_needs_the_version_that_was_seen(
    app: Flask, cast: Cast, bank: FakeGateway, admin: Browser, version: str
):
    payment = rejected(app, cast, bank)
    page = reopen(admin, payment, version=version).insist()
    assert page.status == 409
    assert REASON in page.source
    assert payments.reread(payment).status is Status.CANCELED
    assert reopen(admin, payment, version=page.inputs["version"]).status == 303


def test_an_open_payment_needs_no_reopening(cast: Cast, admin: Browser):
    payment = payments.logged(cast.cashier)
    assert "Reabrir" not in admin.get(page_of(payment)).text
    page = reopen(admin, payment).insist()
    assert page.status == 409
    assert "no hace falta reabrirlo" in page.text


def test_a_deleted_payment_is_gone(app: Flask, cast: Cast, bank: FakeGateway, admin: Browser):
    payment = rejected(app, cast, bank)
    service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Repetido")
    sent = {"reason": REASON, "version": "3"}
    assert admin.post(f"{page_of(payment)}/reopen", sent).status == 404
    refused = Program(app, cast.admin).post(f"{page_of(payment)}/reopen", {"reason": REASON})
    assert (refused.status_code, refused.get_json()["code"]) == (404, "not_found")


class TestPrograms:
    def test_an_administrator_reopens_once_however_often_it_is_sent(
        self, app: Flask, cast: Cast, bank: FakeGateway
    ):
        payment = rejected(app, cast, bank)
        program = Program(app, cast.admin)
        key = {"Idempotency-Key": "reopen-1"}
        url = f"{page_of(payment)}/reopen"
        answers = [program.post(url, {"reason": REASON}, headers=key) for _ in range(2)]
        assert [one.status_code for one in answers] == [200, 200]
        assert answers[1].headers["Idempotent-Replayed"] == "true"
        assert answers[0].get_json()["status"] == "TO_REVIEW"
        assert answers[0].headers["ETag"]
        own = program.post(f"{page_of(payment)}/review", {"decision": "approve", "reason": "Sí"})
        assert (own.status_code, own.get_json()["code"]) == (403, "own_transaction")
        again = program.post(url, {"reason": REASON})
        assert (again.status_code, again.get_json()["code"]) == (409, "not_reopenable")

    def test_the_version_is_respected(self, app: Flask, cast: Cast, bank: FakeGateway):
        payment = rejected(app, cast, bank)
        program = Program(app, cast.admin)
        url = f"{page_of(payment)}/reopen"
        stale = program.post(url, {"reason": REASON}, headers={"If-Match": '"2"'})
        assert stale.status_code == 412
        assert [one["field"] for one in stale.get_json()["changes"]] == ["status"]
        read = {"If-Match": program.get(page_of(payment)).headers["ETag"]}
        assert program.post(url, {"reason": REASON}, headers=read).status_code == 200

    @pytest.mark.parametrize(
        "body", [{}, {"reason": " "}, {"reason": None}, {"reason": "a", "x": 1}]
    )
    def test_a_body_that_makes_no_sense_reopens_nothing(
        self, app: Flask, cast: Cast, bank: FakeGateway, body: dict[str, object]
    ):
        payment = rejected(app, cast, bank)
        assert Program(app, cast.admin).post(f"{page_of(payment)}/reopen", body).status_code == 422
        assert payments.reread(payment).status is Status.CANCELED

    def test_supervisors_may_not(self, app: Flask, cast: Cast, bank: FakeGateway):
        payment = rejected(app, cast, bank)
        program = Program(app, cast.supervisor)
        assert program.post(f"{page_of(payment)}/reopen", {"reason": REASON}).status_code == 403
