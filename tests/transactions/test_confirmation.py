"""The dialect `confirmation` from the form to the verdict: what it needs, what it finds, what it never pays twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from cachelib import SimpleCache
from flask import Flask

from tests.support import payments
from tests.support.background import settle
from tests.support.logs import watched
from tests.support.pages import Browser
from tests.support.people import Cast
from tests.support.programs import Program
from tests.support.programs import payment as payment_body
from webapp.banking.connection import BankConnection, connect
from webapp.banking.gateway import BankType
from webapp.banking.sandbox.server import SandboxServer
from webapp.banking.sandbox.store import Movement
from webapp.kernel import clock
from webapp.kernel.config import SANDBOX_ACCOUNT, Settings
from webapp.transactions import checking, queries
from webapp.transactions.checking import CheckOutcome
from webapp.transactions.filtering import Filter
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def connection(
    app: Flask, settings: Settings, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> BankConnection:
    """Let the application ask the sandbox in the bank's own dialect."""
    connected = connected_to(sandbox, settings)
    monkeypatch.setitem(app.extensions, "bank", connected)
    return connected


def connected_to(sandbox: SandboxServer, settings: Settings, **changes: Any) -> BankConnection:
    chosen = settings.model_copy(
        update={
            "banesco_api": "confirmation",
            "banesco_qa_api_url": sandbox.confirmation_url,
            "banesco_qa_auth_url": sandbox.auth_url,
            **changes,
        }
    )
    chosen.__dict__.pop("bank", None)  # derived from what was changed
    return connect(chosen, SimpleCache())


def mobile(tail: str = "100124", **changes: Any) -> dict[str, Any]:
    """Return the form of a pago móvil that the sandbox verifies: three digits choose, three are the amount."""
    return payments.form(
        **{
            "reference": tail,
            "amount": f"{int(tail[3:])},00",
            "operation_date": clock.today().isoformat(),
            **changes,
        }
    )


def stored(reference: str) -> Transaction:
    return queries.page(Filter(reference=reference), number=1, size=1).items[0]


def log(browser: Browser, form: dict[str, Any]) -> Transaction:
    page = browser.post("/transactions/new", form, form="/transactions/new")
    assert page.status == 303, page.text
    settle()
    return queries.find(page.response.headers["Location"].rsplit("/", 1)[1])


def declared(cast: Cast, connection: BankConnection, **changes: Any) -> Transaction:
    """Log a payment, ask the bank about it, and return it."""
    payment = payments.logged(
        cast.cashier,
        **{
            "reference": "100124",
            "amount": Decimal("124.00"),
            "payer_bank": "0102",
            "operation_date": clock.today(),
            **changes,
        },
    )
    assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.ANSWERED
    return payments.reread(payment)


def test_a_pago_movil_is_verified_by_its_tail(cashier: Browser, connection):
    payment = log(cashier, mobile())
    assert payment.status is Status.COMPLETED
    assert payment.reference == "100124"
    assert payment.bank_reference is not None and payment.bank_reference.endswith("100124")
    page = cashier.get(f"/transactions/{payment.transaction_id}")
    assert "declarado, no verificado por el banco" in page.text
    assert payment.bank_reference in page.text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"payer_bank": ""}, "Banco del pagador: Falta este dato. Escríbalo como 0102 Venezuela."),
        ({"operation_date": ""}, "Fecha de la operación: Falta este dato."),
        ({"amount": ""}, "Monto: Falta este dato."),
        ({"reference": "12345"}, "La referencia tiene de 6 a 20 dígitos"),
    ],
)
def test_the_form_demands_what_the_dialect_declares(
    cashier: Browser, connection, changes, sentence
):
    page = cashier.post("/transactions/new", mobile(**changes), form="/transactions/new")
    assert page.status == 422
    assert sentence in page.text


def test_a_transfer_needs_a_day_only_where_it_comes_from_another_bank(cashier: Browser, connection):
    banesco = payments.form(
        bank="BANESCO", reference="000100012345", amount="123,45", payer_bank="", operation_date=""
    )
    assert log(cashier, banesco).status is Status.COMPLETED
    elsewhere = {**banesco, "reference": "100077", "amount": "77,00", "payer_bank": "0105"}
    page = cashier.post("/transactions/new", elsewhere, form="/transactions/new")
    assert page.status == 422 and "Fecha de la operación: Falta" in page.text
    elsewhere["operation_date"] = clock.today().isoformat()
    assert log(cashier, elsewhere).status is Status.COMPLETED


def test_programs_are_told_the_same(app: Flask, cast: Cast, connection):
    program = Program(app, cast.integrator)
    answer = program.post(
        "/transactions",
        {
            "transaction_id": "FAC-1",
            "customer": {
                "full_name": "Rosa Villegas",
                "phone": "04141234567",
                "national_id": "V9876543",
            },
            "reference": "100124",
            "bank": "MOBILE_TRANSFER",
        },
    )
    assert answer.status_code == 422
    fields = {item["field"] for item in answer.get_json()["errors"]}
    assert {"payer_bank", "operation_date", "amount"} <= fields


@pytest.mark.parametrize(
    ("family", "status", "codes"),
    [
        ("110", Status.COMPLETED, ["MATCHED"]),
        ("120", Status.COMPLETED, ["MATCHED"]),
        ("130", Status.TO_REVIEW, ["SEVERAL_MOVEMENTS"]),
        ("140", Status.IN_PROGRESS, ["NOT_FOUND"]),
        ("150", Status.COMPLETED, ["MATCHED"]),
        ("200", Status.TO_REVIEW, ["AMOUNT_DIFFERS"]),
        ("210", Status.IN_PROGRESS, ["NOT_FOUND"]),
        ("230", Status.TO_REVIEW, ["REFERENCE_DIFFERS"]),
        ("240", Status.TO_REVIEW, ["CURRENCY_DIFFERS"]),
        ("250", Status.TO_REVIEW, ["DATE_DIFFERS"]),
        ("300", Status.IN_PROGRESS, ["NOT_FOUND"]),
        ("310", Status.IN_PROGRESS, ["NOT_FOUND"]),
        ("600", Status.IN_PROGRESS, ["NOT_FOUND"]),
        ("610", Status.IN_PROGRESS, ["NOT_FOUND"]),
    ],
)
def test_every_quirk_of_the_bank_leads_where_it_should(cast, connection, family, status, codes):
    payment = declared(cast, connection, reference=f"{family}124")
    assert (payment.status, [item["code"] for item in payment.reasons]) == (status, codes)


def test_the_reviewer_sees_every_movement_with_its_differences(
    cast: Cast, supervisor: Browser, connection, sandbox
):
    for amount in ("124.00", "125.00"):
        sandbox.bank.movements.add(
            Movement(
                reference="000777124124",
                amount=Decimal(amount),
                date=clock.today(),
                payer_bank="0102",
            )
        )
    sandbox.bank.movements.add(
        Movement(
            reference="000888124124",
            amount=Decimal("124.00"),
            date=clock.today(),
            payer_bank="0102",
        )
    )
    payment = declared(cast, connection, reference="124124")
    assert payment.status is Status.TO_REVIEW
    page = supervisor.get(f"/transactions/{payment.transaction_id}")
    assert "El banco muestra 3 movimientos" in page.text
    assert "se declaró Bs. 124,00 y el banco muestra Bs. 125,00" in page.text
    assert "000888124124" in page.text


def test_one_movement_never_pays_two_however_its_reference_is_spelled(
    cast: Cast, supervisor: Browser, connection, sandbox
):
    sandbox.bank.movements.add(
        Movement(reference="000456124124", amount=Decimal("124.00"), date=clock.today())
    )
    whole = {"bank": BankType.BANESCO, "payer_bank": None}
    first = declared(cast, connection, reference="000456124124", **whole)
    assert first.status is Status.COMPLETED
    second = declared(cast, connection, reference="456124124", **whole)
    assert second.status is Status.TO_REVIEW
    assert second.reasons[0]["code"] == "MOVEMENT_ALREADY_USED"
    assert first.transaction_id in supervisor.get(f"/transactions/{second.transaction_id}").text
    refused = supervisor.post(
        f"/transactions/{second.transaction_id}/review",
        {"decision": "approve", "reason": "Lo vi en la cuenta"},
        form=f"/transactions/{second.transaction_id}",
    )
    assert refused.status == 409
    assert first.transaction_id in refused.text


def test_a_movement_known_by_its_tail_is_recognised_when_it_comes_back_whole(
    cast: Cast, connection, sandbox
):
    today = clock.today()
    as_tail = Movement(reference="124124", amount=Decimal("124.00"), date=today, payer_bank="0102")
    kept = sandbox.bank.movements.add(as_tail)
    assert declared(cast, connection, reference="124124").status is Status.COMPLETED
    sandbox.bank.movements.remove(kept.id)
    sandbox.bank.movements.add(
        Movement(reference="000999124124", amount=Decimal("124.00"), date=today, payer_bank="0102")
    )
    again = declared(cast, connection, reference="999124124")
    assert again.status is Status.TO_REVIEW
    assert again.reasons[0]["code"] == "MOVEMENT_ALREADY_USED"


def test_the_same_six_digits_on_another_day_or_from_another_bank_are_an_honest_payment(
    cast: Cast, connection, sandbox
):
    today = clock.today()
    for day, bank in ((today, "0102"), (today - timedelta(days=1), "0102"), (today, "0105")):
        sandbox.bank.movements.add(
            Movement(
                reference=f"0{bank}{day:%d}124124",
                amount=Decimal("124.00"),
                date=day,
                payer_bank=bank,
            )
        )
        paid = declared(cast, connection, reference="124124", operation_date=day, payer_bank=bank)
        assert paid.status is Status.COMPLETED, (day, bank, paid.reasons)


def test_the_same_tail_bank_and_day_is_taken(cashier: Browser, other_cashier: Browser, connection):
    first = log(cashier, mobile())
    page = other_cashier.post("/transactions/new", mobile(), form="/transactions/new")
    assert page.status == 409
    assert f"/transactions/{first.transaction_id}" in page.links


def test_a_payment_of_the_other_dialect_says_what_it_lacks_and_is_not_asked_about(
    cast: Cast, cashier: Browser, connection, sandbox
):
    payment = payments.logged(cast.cashier)  # nine digits, no bank, no day
    url = f"/transactions/{payment.transaction_id}"
    assert (
        "Para consultarlo falta: banco del pagador, fecha de la operación." in cashier.get(url).text
    )
    page = cashier.post(f"{url}/check", {})
    assert page.status == 303
    assert checking.check(payment.id, bank=connection).outcome is CheckOutcome.INCOMPLETE
    after = payments.reread(payment)
    assert after.status is Status.IN_PROGRESS and after.checking_until is None
    assert sandbox.calls("confirmation") == []


def test_a_transfer_asks_about_the_clinics_own_account(cast: Cast, connection, sandbox):
    sandbox.bank.movements.add(
        Movement(
            reference="000321000321",
            amount=Decimal("5.00"),
            date=date(2026, 11, 1),
            account="01340000000000000001",
        )
    )
    payment = declared(
        cast,
        connection,
        bank=BankType.BANESCO,
        payer_bank=None,
        reference="000321000321",
        amount=Decimal("5.00"),
        operation_date=None,
    )
    assert payment.status is Status.IN_PROGRESS


NEW_ACCOUNT = "01340000000000009999"


def transfer(**changes: Any) -> dict[str, Any]:
    """Return the form of a transfer within Banesco that the sandbox shows only from its store."""
    usual = {"bank": "BANESCO", "payer_bank": "", "reference": "000600321000", "amount": "5,00"}
    return payments.form(**{**usual, **changes})


def paid_into(account: str) -> Movement:
    return Movement(
        reference="000600321000", amount=Decimal("5.00"), date=clock.today(), account=account
    )


def test_a_payment_is_searched_in_the_account_that_was_in_force_when_it_was_logged(
    app: Flask, settings: Settings, cashier: Browser, connection, sandbox, monkeypatch
):
    payment = log(cashier, transfer())
    assert payment.status is Status.IN_PROGRESS
    sandbox.bank.movements.add(paid_into(SANDBOX_ACCOUNT))
    changed = connected_to(sandbox, settings, banesco_account_id=NEW_ACCOUNT)
    monkeypatch.setitem(app.extensions, "bank", changed)
    checking.check(payment.id, bank=changed)
    assert payments.reread(payment).status is Status.COMPLETED


def test_a_payment_logged_before_accounts_were_noted_is_searched_in_the_account_in_force(
    settings: Settings, cast: Cast, connection, sandbox
):
    sandbox.bank.movements.add(paid_into(NEW_ACCOUNT))
    changed = connected_to(sandbox, settings, banesco_account_id=NEW_ACCOUNT)
    given = {"reference": "000600321000", "amount": Decimal("5.00"), "payer_bank": None}
    payment = declared(cast, changed, bank=BankType.BANESCO, operation_date=None, **given)
    assert payment.receiving_account is None
    assert payment.status is Status.COMPLETED


def test_the_account_is_noted_only_where_the_bank_needs_it(
    app: Flask, cast: Cast, cashier: Browser, connection
):
    assert log(cashier, transfer()).receiving_account == SANDBOX_ACCOUNT
    assert log(cashier, mobile()).receiving_account is None
    body = {**payment_body(), "bank": "BANESCO", "reference": "000600999000"}
    sent = Program(app, cast.integrator).post("/transactions", body)
    assert sent.status_code == 201, sent.text
    assert stored("000600999000").receiving_account == SANDBOX_ACCOUNT


def test_the_dialect_without_accounts_notes_none(cashier: Browser, bank):
    assert log(cashier, payments.form(bank="BANESCO")).receiving_account is None


def test_a_payment_corrected_into_a_transfer_is_searched_in_the_account_in_force_then(
    app: Flask, settings: Settings, cashier: Browser, connection, sandbox, monkeypatch
):
    payment = log(cashier, mobile("600124"))
    url = f"/transactions/{payment.transaction_id}/edit"
    assert cashier.post(url, transfer(version=str(payment.version)), form=url).status == 303
    settle()
    assert payments.reread(payment).receiving_account == SANDBOX_ACCOUNT
    changed = connected_to(sandbox, settings, banesco_account_id=NEW_ACCOUNT)
    monkeypatch.setitem(app.extensions, "bank", changed)
    again = transfer(reference="000600321001", version=str(payments.reread(payment).version))
    assert cashier.post(url, again, form=url).status == 303
    assert payments.reread(payment).receiving_account == SANDBOX_ACCOUNT


def test_the_account_is_shown_to_nobody(app: Flask, cast: Cast, cashier: Browser, connection):
    with watched() as lines:
        payment = log(cashier, transfer())
        key = payment.transaction_id
        program = Program(app, cast.integrator)
        seen = [
            cashier.get("/transactions").text,
            cashier.get(f"/transactions/{key}").text,
            cashier.get(f"/transactions/{key}/edit").text,
            program.get(f"/transactions/{key}").text,
            program.get(f"/transactions/{key}/events").text,
            program.get("/transactions/export").text,
        ]
    assert payment.receiving_account == SANDBOX_ACCOUNT
    assert all(SANDBOX_ACCOUNT not in text for text in (*seen, lines.text))
