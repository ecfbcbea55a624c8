"""Statuses, misspellings, reasons and the trail in the words that people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.support import payments
from tests.support.bank import movement
from tests.support.people import Cast
from webapp.banking.gateway import BankAnswer, BankType, TransactionType
from webapp.kernel.money import AmountProblem
from webapp.transactions import (
    bank_answers,
    check_schedule,
    presenting,
    queries,
    rules,
    service,
    wording,
)
from webapp.transactions.declaration import COLUMNS, details_of
from webapp.transactions.identifiers import Problem
from webapp.transactions.lifecycle import Status
from webapp.transactions.matching import ReasonCode
from webapp.transactions.models import Transaction

pytestmark = pytest.mark.usefixtures("app")


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ({"code": "NOT_FOUND"}, "Todavía no aparece en el banco."),
        (
            {"code": "PENDING_AT_BANK", "word": "processing"},
            "El banco lo tiene en trámite («processing»).",
        ),
        (
            {"code": "MATCHED"},
            "El banco muestra el dinero y todo lo que se puede comparar coincide.",
        ),
        (
            {"code": "REFUSED_BY_BANK", "word": "reversed"},
            "El banco lo da por rechazado o reversado («reversed»).",
        ),
        (
            {"code": "UNRECOGNISED_WORD", "word": "100%s %(x)s"},
            "El banco respondió algo que no conocemos: «100%s %(x)s».",
        ),
        (
            {"code": "AMOUNT_DIFFERS", "declared": "1240.00", "bank": "1.00"},
            "El monto no coincide: se declaró Bs. 1.240,00 y el banco muestra Bs. 1,00.",
        ),
        (
            {"code": "CURRENCY_DIFFERS", "declared": "VES", "bank": "USD"},
            "La moneda no coincide: se esperaba VES y el banco muestra USD.",
        ),
        (
            {"code": "REFERENCE_DIFFERS", "declared": "000000001", "bank": "2"},
            "La referencia no coincide: se declaró 000000001 y el banco muestra 2.",
        ),
        (
            {"code": "DATE_DIFFERS", "declared": "2026-11-24", "bank": "2026-11-21"},
            "La fecha no coincide: se declaró 24/11/2026 y el banco muestra 21/11/2026.",
        ),
        (
            {"code": "PHONE_DIFFERS", "declared": "04141234567", "bank": "584160000001"},
            "El teléfono no coincide: se declaró 0414-1234567 y el banco muestra 0416-0000001.",
        ),
        (
            {"code": "NATIONAL_ID_DIFFERS", "declared": "V9876543", "bank": "J-1-9"},
            "La cédula no coincide: se declaró V-9.876.543 y el banco muestra J-1-9.",
        ),
        (
            {"code": "TYPE_DIFFERS", "declared": "TRANSACTION", "bank": "COMMISSION"},
            "El tipo de movimiento no coincide: se declaró Pago y el banco muestra Comisión.",
        ),
        (
            {"code": "SEVERAL_MOVEMENTS", "count": 2},
            "El banco muestra 2 movimientos posibles.",
        ),
        (
            {"code": "MOVEMENT_ALREADY_USED", "transaction_id": "P-1"},
            "Ese movimiento del banco ya paga otro registro: P-1.",
        ),
        ({"code": "GAVE_UP", "hours": 72}, "No apareció en el banco durante 72 horas."),
        ({"code": "GAVE_UP", "hours": 1}, "No apareció en el banco durante 1 hora."),
    ],
)
def test_every_reason_is_a_sentence(reason, sentence):
    assert wording.in_words(reason) == sentence


def test_no_reason_is_left_without_words():
    told = {"word": "w", "count": 2, "transaction_id": "P", "hours": 3}
    for code in ReasonCode:
        sides = {"declared": "x", "bank": "y"}
        if code is ReasonCode.AMOUNT_DIFFERS:
            sides = {"declared": "1", "bank": "2"}
        assert wording.in_words({"code": code.value, **told, **sides}).endswith(".")


@pytest.mark.parametrize("problem", Problem)
def test_every_misspelling_says_what_is_wrong(problem):
    assert wording.misspelling(problem).endswith(".")


def test_a_wrong_reference_is_told_how_many_digits_it_has():
    nine = wording.misspelling(Problem.REFERENCE, (9, 9))
    assert nine == "La referencia tiene 9 dígitos, como 123456789."
    some = wording.misspelling(Problem.REFERENCE, (6, 12))
    assert some == "La referencia tiene de 6 a 12 dígitos, como 123456789012."


@pytest.mark.parametrize("problem", AmountProblem)
def test_every_wrong_amount_is_told_how_it_should_look(problem):
    assert ",56" in wording.amount_problem(problem) or ",00" in wording.amount_problem(problem)


@pytest.mark.parametrize(
    ("names", "words"),
    [(Status, wording.STATUSES), (BankType, wording.BANKS), (TransactionType, wording.KINDS)],
)
def test_every_value_of_a_choice_has_a_word(names, words):
    assert set(words) == set(names)
    assert len({str(word) for word in words.values()}) == len(words)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("bank", "BANESCO", "Transferencia Banesco"),
        ("transaction_type", "OTHER", "Otro"),
        ("amount", "99.00", "Bs. 99,00"),
        ("operation_date", "2026-11-24", "24/11/2026"),
        ("phone", "04141234567", "0414-1234567"),
        ("national_id", "V9876543", "V-9.876.543"),
        ("payer_bank", "0102", "0102 Venezuela"),
        ("payer_bank", "9999", "9999"),
        ("reference", "000000001", "000000001"),
        ("concept", None, "—"),
        ("concept", "", "—"),
    ],
)
def test_a_field_in_the_timeline_looks_as_on_the_page(name, value, shown):
    assert wording.field_value(name, value) == shown


def test_every_declared_field_has_a_name():
    assert set(wording.FIELDS) == set(COLUMNS)


def compared(transaction: Transaction) -> dict[str, tuple[str, str, str]]:
    return {
        row.label: (row.declared, row.shown, row.state)
        for row in presenting.comparison(transaction)
    }


def after_answer(cast: Cast, payload: Mapping[str, object], **changes: object) -> Transaction:
    payment = payments.logged(cast.cashier, operation_date=date(2026, 11, 24), payer_bank="0102")
    bank_answers.record_answer(
        row_id=payment.id,
        version=1,
        answer=BankAnswer(movements=(movement(payment, **changes),), payload=payload),
        give_up_after=timedelta(hours=72),
    )
    return payments.reread(payment)


def test_declared_and_shown_stand_side_by_side(cast: Cast):
    payment = after_answer(
        cast,
        {"status": "approved"},
        amount=Decimal("1.00"),
        day=date(2026, 11, 21),
        phone="584141234567",
        national_id="???",
        concept="Pago",
    )
    assert compared(payment) == {
        "Monto": ("Bs. 1.240,00", "Bs. 1,00", "differs"),
        "Referencia": (payment.reference, payment.reference, "same"),
        "Fecha de la operación": ("24/11/2026", "21/11/2026", "differs"),
        "Banco del pagador": ("0102 Venezuela", "—", "declared_only"),
        "Nombre y apellido": ("Rosa Elena Villegas", "—", "declared_only"),
        "Cédula": ("V-9.876.543", "???", "differs"),
        "Teléfono": ("0414-1234567", "0414-1234567", "same"),
        "Concepto": ("—", "Pago", "bank_only"),
    }
    assert len(presenting.reasons(payment)) == 3


def test_before_any_answer_everything_is_only_declared(cast: Cast):
    states = {row.state for row in presenting.comparison(payments.logged(cast.cashier))}
    assert states == {"declared_only", "empty"}


def test_foreign_money_is_never_shown_as_bolivares(cast: Cast):
    payment = after_answer(cast, {"currency": "USD"}, currency="USD")
    assert compared(payment)["Monto"] == ("Bs. 1.240,00", "USD 1.240,00", "differs")


def test_the_timeline_tells_the_whole_story(cast: Cast):
    payment = after_answer(cast, {}, amount=Decimal("1.00"))
    service.correct(
        actor=cast.cashier.actor,
        row_id=payment.id,
        version=None,
        details=replace(details_of(payment), concept="Consulta"),
    )
    for verdict in service.Verdict:
        service.decide(
            actor=cast.supervisor.actor, row_id=payment.id, verdict=verdict, reason="Lo vi"
        )
        service.reopen(actor=cast.admin.actor, row_id=payment.id, reason="Reclamo")
    service.delete(actor=cast.supervisor.actor, row_id=payment.id, reason="Se repitió")
    told = presenting.timeline(queries.events_of(payment.id))
    carmen, beatriz, andres = (
        person.full_name for person in (cast.cashier, cast.supervisor, cast.admin)
    )
    assert [(entry.title, entry.who, entry.icon) for entry in told] == [
        ("Pago registrado", carmen, "clock"),
        ("Por revisar", "Sistema", "triangle-alert"),
        ("Datos corregidos", carmen, "pencil"),
        ("Aprobado por un supervisor", beatriz, "circle-check"),
        ("Reabierto para revisión", andres, "triangle-alert"),
        ("Rechazado por un supervisor", beatriz, "circle-x"),
        ("Reabierto para revisión", andres, "triangle-alert"),
        ("Pago eliminado", beatriz, "trash-2"),
    ]
    assert told[1].detail is not None and told[1].detail.startswith("El monto no coincide")
    assert told[2].changes == ["Concepto: — → Consulta"]
    assert told[3].detail == "Lo vi"


@pytest.mark.parametrize(
    ("age", "least"),
    [
        (timedelta(seconds=0), timedelta(seconds=30)),
        (timedelta(minutes=2), timedelta(minutes=1)),
        (timedelta(minutes=9), timedelta(minutes=2)),
        (timedelta(minutes=29), timedelta(minutes=5)),
        (timedelta(hours=1), timedelta(minutes=15)),
        (timedelta(hours=5), timedelta(minutes=30)),
        (timedelta(hours=6), timedelta(hours=1)),
        (timedelta(days=40), timedelta(hours=1)),
    ],
)
def test_the_older_a_payment_the_later_it_is_asked_about_again(cast: Cast, age, least):
    payment = payments.logged(cast.cashier)
    now = payment.waiting_since + age
    assert least <= check_schedule.next_check(payment.waiting_since, now) - now <= least * 1.1


def test_who_may_decide_is_told_in_words(cast: Cast):
    payment = payments.logged(cast.supervisor)
    assert "otra persona" in str(rules.why_not_decide(cast.supervisor.actor, payment))
    assert "Solo un supervisor" in str(rules.why_not_decide(cast.cashier.actor, payment))
    assert rules.why_not_decide(cast.other_supervisor.actor, payment) is None
    assert rules.may_correct(cast.supervisor.actor, payment)
    assert not rules.may_correct(cast.other_cashier.actor, payment)
