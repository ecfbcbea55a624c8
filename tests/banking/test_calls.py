"""Every call is written down, and the limit counts what is written."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import responses
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from tests.support import payments
from tests.support.banesco import API_URL, AUTH_URL, SECRET, connection
from tests.support.calls import pass_time
from tests.support.people import Cast
from tests.support.threads import together
from webapp.banking.calls import CallPolicy, DatabaseCallLog, next_allowed_at
from webapp.banking.gateway import (
    BankRefusedUs,
    BankUnavailable,
    CallNotAllowed,
    CallRecord,
    Outcome,
)
from webapp.banking.models import BankCall
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.transactions import checking
from webapp.transactions.checking import CheckOutcome

POLICY = CallPolicy(environment="qa", dialect="status", limit=2, timeout=30)


def about(row_id: uuid.UUID) -> str:
    """Return the claim of a payment of these tests."""
    return f"question-{row_id}"


def allowed_at(row_id: uuid.UUID) -> datetime | None:
    return next_allowed_at(POLICY.digest(about(row_id)), limit=2)


def make_call(
    row_id: uuid.UUID, *, operation: str = "transaction", limit: int = 2, timeout: float = 30
) -> str:
    """One call that finds nothing; `sent` if it was allowed."""
    policy = CallPolicy(environment="qa", dialect="status", limit=limit, timeout=timeout)
    record = CallRecord(operation=operation, request={"n": 1})
    with DatabaseCallLog(policy, about(row_id), row_id).call(record):
        record.outcome = Outcome.NOT_FOUND
    return "sent"


def all_calls() -> list[BankCall]:
    return list(db.session.scalars(select(BankCall).order_by(BankCall.requested_at)))


@pytest.fixture
def row_id(app: Flask, cast: Cast) -> uuid.UUID:
    return payments.logged(cast.cashier).id


def test_of_eight_threads_two_may_call_about_one_payment(app: Flask, row_id):
    results = together(app, [lambda: make_call(row_id)] * 8)
    assert results.count("sent") == 2
    assert sum(isinstance(result, CallNotAllowed) for result in results) == 6
    assert len(all_calls()) == 2


def test_one_payments_calls_do_not_hold_up_anothers(app: Flask, cast: Cast, row_id):
    another = payments.logged(cast.cashier).id
    results = together(app, [lambda: make_call(row_id)] * 4 + [lambda: make_call(another)] * 4)
    assert results[:4].count("sent") == results[4:].count("sent") == 2


def test_token_calls_do_not_count(app: Flask, row_id):
    for _ in range(5):
        make_call(row_id, operation="token")
    assert allowed_at(row_id) is None
    assert make_call(row_id) == make_call(row_id) == "sent"


def test_a_refused_call_says_from_when_on_it_may_be_made_and_leaves_no_row(app: Flask, row_id):
    make_call(row_id)
    make_call(row_id)
    with pytest.raises(CallNotAllowed) as limit:
        make_call(row_id)
    first, _second = all_calls()
    assert first.completed_at is not None
    assert limit.value.allowed_at >= first.completed_at + timedelta(seconds=60)
    assert limit.value.allowed_at <= clock.now() + timedelta(seconds=63)
    assert len(all_calls()) == 2


@pytest.mark.parametrize(("passed", "allowed"), [(59, False), (61, False), (63, True)])
def test_the_window_is_60_seconds_and_a_margin_for_the_banks_clock(app, row_id, passed, allowed):
    make_call(row_id)
    make_call(row_id)
    pass_time(passed)
    assert (allowed_at(row_id) is None) is allowed


def test_a_call_counts_from_its_end_because_it_may_have_arrived_until_then(app: Flask, row_id):
    make_call(row_id, limit=1)
    db.session.execute(text("ALTER TABLE bank_calls DISABLE TRIGGER USER"))
    db.session.execute(text("UPDATE bank_calls SET requested_at = now() - interval '5 minutes'"))
    db.session.execute(text("ALTER TABLE bank_calls ENABLE TRIGGER USER"))
    db.session.commit()
    with pytest.raises(CallNotAllowed):
        make_call(row_id, limit=1)


def test_a_call_whose_process_died_counts_from_the_latest_moment_it_could_arrive(app, row_id):
    begun = clock.now() - timedelta(seconds=80)
    db.session.add(
        BankCall(
            transaction_id=row_id,
            subject=POLICY.digest(about(row_id)),
            environment="qa",
            dialect="status",
            operation="transaction",
            request={},
            requested_at=begun,
            gives_up_at=begun + timedelta(seconds=30),
        )
    )
    db.session.commit()
    with pytest.raises(CallNotAllowed):
        make_call(row_id, limit=1)
    pass_time(20)
    assert make_call(row_id, limit=1) == "sent"


def test_calls_about_one_subject_count_together_whichever_payments_they_are_for(
    app: Flask, cast: Cast, row_id
):
    another = payments.logged(cast.cashier).id

    def ask(payment: uuid.UUID | None) -> str:
        record = CallRecord(
            operation="certification" if payment is None else "transaction", request={}
        )
        with DatabaseCallLog(POLICY, "100000001", payment).call(record):
            return "sent"

    results = together(app, [lambda: ask(row_id), lambda: ask(another), lambda: ask(None)] * 3)
    assert results.count("sent") == 2
    assert {row.subject for row in all_calls()} == {POLICY.digest("100000001")}


def test_the_same_subject_counts_apart_in_each_environment_and_dialect():
    others = [replace(POLICY, environment="production"), replace(POLICY, dialect="confirmation")]
    digests = {policy.digest("100000001") for policy in (POLICY, *others)}
    assert len(digests) == 3 and {len(digest) for digest in digests} == {64}


@pytest.mark.parametrize("operation", ["token", "certification_token"])
def test_a_token_call_has_no_subject(app: Flask, row_id, operation):
    make_call(row_id, operation=operation)
    assert [row.subject for row in all_calls()] == [None]


def test_another_limit_is_kept_as_well(app: Flask, row_id):
    results = together(app, [lambda: make_call(row_id, limit=3)] * 6)
    assert results.count("sent") == 3


def test_a_finished_call_holds_the_evidence(app: Flask, row_id):
    record = CallRecord(operation="transaction", request={"url": "https://bank.test/1"})
    with DatabaseCallLog(POLICY, about(row_id), row_id).call(record):
        record.outcome, record.http_status = Outcome.FOUND, 200
        record.response, record.bank_code = {"status": "approved"}, "approved"
    (row,) = all_calls()
    assert (row.transaction_id, row.environment, row.dialect) == (row_id, "qa", "status")
    assert (row.outcome, row.http_status, row.bank_code) == ("found", 200, "approved")
    assert row.request == {"url": "https://bank.test/1"}
    assert row.response == {"status": "approved"}
    assert row.completed_at is not None and row.latency_ms is not None and row.latency_ms >= 0


@pytest.mark.parametrize(
    ("error", "outcome", "detail"),
    [
        (BankUnavailable("HTTP 503"), "unavailable", "HTTP 503"),
        (BankRefusedUs("x" * 900), "refused", "x" * 200),
        (RuntimeError("may hold anything"), "unreadable", "RuntimeError"),
    ],
)
def test_a_failed_call_is_finished_too(app: Flask, row_id, error, outcome, detail):
    with (
        pytest.raises(type(error)),
        DatabaseCallLog(POLICY, about(row_id), row_id).call(
            CallRecord(operation="transaction", request={})
        ),
    ):
        raise error
    (row,) = all_calls()
    assert (row.outcome, row.detail) == (outcome, detail)
    assert row.completed_at is not None


def test_a_call_that_is_under_way_is_written_before_it_is_made(app: Flask, row_id):
    with DatabaseCallLog(POLICY, about(row_id), row_id).call(
        CallRecord(operation="transaction", request={})
    ):
        (row,) = all_calls()
        assert row.completed_at is None and row.outcome is None
        assert row.gives_up_at > row.requested_at


@pytest.mark.parametrize(
    "rewriting",
    [
        "UPDATE bank_calls SET outcome = 'not_found'",
        "UPDATE bank_calls SET response = NULL",
        "DELETE FROM bank_calls",
        "TRUNCATE bank_calls",
    ],
)
def test_the_database_refuses_to_rewrite_a_finished_call(app: Flask, row_id, rewriting):
    make_call(row_id)
    with pytest.raises(IntegrityError, match="append-only"):
        db.session.execute(text(rewriting))
    db.session.rollback()
    assert [row.outcome for row in all_calls()] == ["not_found"]


@responses.activate
def test_neither_rows_nor_logs_hold_a_secret(app: Flask, cast: Cast, tmp_path, capsys, caplog):
    responses.post(AUTH_URL, json={"access_token": "the-token-itself"})
    transaction = payments.logged(cast.cashier)
    url = f"{API_URL}/transactions/{transaction.reference}"
    responses.get(url, json={"status": "pending", "token": "the-token-itself"})
    bank = connection(tmp_path)
    assert checking.check(transaction.id, bank=bank).outcome is CheckOutcome.ANSWERED
    responses.replace(responses.GET, url, status=401)
    checking.check(transaction.id, bank=bank)
    kept = " ".join(db.session.scalars(text("SELECT bank_calls::text FROM bank_calls")))
    shown = capsys.readouterr()
    everything = kept + shown.out + shown.err + caplog.text
    assert "/transactions/" in kept
    assert "Bearer •••" in kept
    for secret in (SECRET, "the-token-itself", "Bearer t", "Basic "):
        assert secret not in everything


@responses.activate
def test_the_digest_of_every_answer_is_kept_and_no_token_with_it(app: Flask, cast: Cast, tmp_path):
    token_body = b'{"access_token": "the-token-itself", "jwt": "the-token-itself", "expires_in": 9}'
    responses.post(AUTH_URL, body=token_body, content_type="application/json")
    transaction = payments.logged(cast.cashier)
    body = b'{ "status" : "pending", "amount": 1240.00 }'
    responses.get(
        f"{API_URL}/transactions/{transaction.reference}",
        body=body,
        content_type="application/json",
    )
    bank = connection(tmp_path)
    checking.check(transaction.id, bank=bank)
    responses.reset()
    responses.get(f"{API_URL}/transactions/{transaction.reference}", body=ConnectionError())
    checking.check(transaction.id, bank=bank)
    token, question, unanswered = all_calls()
    assert token.digest == hashlib.sha256(token_body).hexdigest()
    assert token.response == {"access_token": "•••", "jwt": "•••", "expires_in": 9}
    assert token.request["form"]["client_secret"] == "•••"
    assert token.request["form"]["client_id"] == "the-client"
    assert question.digest == hashlib.sha256(body).hexdigest()
    assert question.response == {"status": "pending", "amount": "1240.00"}
    assert question.request["headers"]["Authorization"] == "Bearer •••"
    assert (unanswered.digest, unanswered.outcome) == (None, "unavailable")


@responses.activate
def test_a_refusal_is_kept_as_it_came(app: Flask, cast: Cast, tmp_path):
    responses.post(AUTH_URL, json={"access_token": "t"})
    transaction = payments.logged(cast.cashier)
    url = f"{API_URL}/transactions/{transaction.reference}"
    responses.get(url, status=503, json={"httpStatus": {"statusCode": "VRN04"}})
    checking.check(transaction.id, bank=connection(tmp_path))
    _token, question = all_calls()
    assert question.response == {"httpStatus": {"statusCode": "VRN04"}}


@responses.activate
def test_a_repeat_is_a_call_and_counts(app: Flask, cast: Cast, tmp_path, monkeypatch):
    monkeypatch.setattr("webapp.banking.conversation.RETRY_WAIT", (0.0, 10.0))
    responses.post(AUTH_URL, json={"access_token": "t"})
    transaction = payments.logged(cast.cashier)
    responses.get(f"{API_URL}/transactions/{transaction.reference}", status=500)
    result = checking.check(transaction.id, bank=connection(tmp_path), patient=True)
    # Our own limit must not hide an outage, which decides when the bank is asked again.
    assert (result.outcome, result.silence) == (CheckOutcome.BANK_SILENT, Outcome.UNAVAILABLE)
    assert [row.operation for row in all_calls()] == ["token", "transaction", "transaction"]
