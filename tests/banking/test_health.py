"""The circuit breaker of the bank, one for all processes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.support.threads import together
from webapp.banking import availability
from webapp.banking.availability import THRESHOLD
from webapp.banking.gateway import Outcome
from webapp.banking.models import BankHealth
from webapp.kernel import clock
from webapp.kernel.database import db

pytestmark = pytest.mark.usefixtures("app")
QA = "qa"


def note(*outcomes: Outcome, environment: str = QA) -> None:
    for outcome in outcomes:
        availability.note_outcome(environment, outcome)
        db.session.commit()


def let_the_probe_be_due() -> None:
    db.session.execute(update(BankHealth).values(next_probe_at=clock.now() - timedelta(seconds=1)))
    db.session.commit()


def test_a_bank_that_was_never_asked_is_up():
    assert availability.may_ask(QA)
    assert availability.current(QA) == availability.Health(up=True, since=None)


def test_the_circuit_opens_after_five_failures_in_a_row():
    note(*[Outcome.UNAVAILABLE] * (THRESHOLD - 1))
    assert availability.may_ask(QA) and availability.current(QA).up
    note(Outcome.UNAVAILABLE)
    assert not availability.may_ask(QA)
    shown = availability.current(QA)
    assert not shown.up and shown.since is not None


@pytest.mark.parametrize("answer", [Outcome.FOUND, Outcome.NOT_FOUND])
def test_an_answer_in_between_starts_the_count_again(answer):
    note(*[Outcome.UNAVAILABLE] * 4, answer, *[Outcome.UNAVAILABLE] * 4)
    assert availability.may_ask(QA)


@pytest.mark.parametrize(
    "outcome", [Outcome.RATE_LIMITED, Outcome.UNREADABLE, Outcome.REFUSED, Outcome.TOKEN]
)
def test_what_is_neither_answer_nor_outage_changes_nothing(outcome):
    note(*[outcome] * 10)
    assert availability.may_ask(QA)
    note(*[Outcome.UNAVAILABLE] * 5, *[outcome] * 3)
    assert not availability.may_ask(QA)


def test_while_it_is_open_one_probe_at_a_time_goes_out(app: Flask):
    note(*[Outcome.UNAVAILABLE] * 5)
    let_the_probe_be_due()
    allowed = together(app, [lambda: availability.may_ask(QA)] * 8)
    assert sorted(allowed) == [False] * 7 + [True]


def test_a_failed_probe_keeps_it_open_and_down_since_the_first_failure():
    note(*[Outcome.UNAVAILABLE] * 5)
    since = availability.current(QA).since
    let_the_probe_be_due()
    assert availability.may_ask(QA)
    note(Outcome.UNAVAILABLE)
    assert not availability.may_ask(QA)
    assert availability.current(QA).since == since


@pytest.mark.parametrize("answer", [Outcome.FOUND, Outcome.NOT_FOUND])
def test_an_answer_closes_it(answer):
    note(*[Outcome.UNAVAILABLE] * 7, answer)
    assert availability.may_ask(QA) and availability.may_ask(QA)
    assert availability.current(QA).up


def test_qa_and_production_are_two_banks():
    note(*[Outcome.UNAVAILABLE] * 5, environment="production")
    assert not availability.may_ask("production")
    assert availability.may_ask(QA)
