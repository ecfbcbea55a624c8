"""The dialect `status`: every word, every status, every kind of garbage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest
import responses

from tests.support.banesco import API_URL, AUTH_URL, CLAIM, SECRET, NotedCalls, gateway
from webapp.banking import conversation
from webapp.banking.gateway import (
    BankAnswer,
    BankError,
    BankRateLimited,
    BankRefusedUs,
    BankType,
    BankUnavailable,
    BankUnreadable,
    Claim,
    MovementState,
    Outcome,
    Requirements,
    TransactionType,
)
from webapp.banking.sandbox.server import SandboxServer

URL = f"{API_URL}/transactions/{CLAIM.reference}"


class Bank(responses.RequestsMock):
    """A bank that gives the answers of the test in order; the last one stays."""

    def says(self, **answer) -> None:
        self.get(URL, **answer)


@pytest.fixture
def bank():
    with Bank(assert_all_requests_are_fired=False) as mock:
        mock.post(AUTH_URL, json={"access_token": "the-token", "expires_in": 300})
        yield mock


@pytest.fixture
def calls() -> NotedCalls:
    return NotedCalls()


@pytest.fixture
def ask(tmp_path, calls, monkeypatch):
    monkeypatch.setattr(conversation, "RETRY_WAIT", (0.0, 10.0))
    adapter = gateway(tmp_path)

    def ask_it(claim: Claim = CLAIM, *, attempts: int = 1, seconds: float = 20) -> BankAnswer:
        return adapter.ask(claim, calls=calls, seconds=seconds, attempts=attempts)

    return ask_it


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *((w, MovementState.SETTLED) for w in ("approved", "completed", "success", " APPROVED ")),
        *(
            (w, MovementState.REFUSED)
            for w in ("rejected", "reversed", "canceled", "cancelled", "failed", "Failed")
        ),
        *((w, MovementState.PENDING) for w in ("pending", "in_progress", "processing")),
        *((w, MovementState.UNRECOGNISED) for w in ("en_revision", "approved!", "ápproved", "0")),
    ],
)
def test_every_known_word_has_its_state_and_unknown_words_are_not_guessed(bank, ask, word, state):
    bank.says(json={"status": word})
    (movement,) = ask().movements
    assert movement.state is state
    assert movement.word == word.strip()


def test_all_fields_are_read(bank, ask, calls):
    bank.says(
        json={
            "status": "approved",
            "reference": 100000123,
            "amount": "1240.00",
            "currency": "VES",
            "date": "2026-11-24T10:30:00-04:00",
            "concept": " Pago ",
            "customer_phone": "584141234567",
            "customer_national_id": "V9876543",
            "transaction_type": "commission",
        }
    )
    answer = ask()
    (movement,) = answer.movements
    assert movement.reference == "100000123"
    assert movement.amount == Decimal("1240.00")
    assert movement.day == date(2026, 11, 24)
    assert movement.concept == "Pago"
    assert movement.phone == "584141234567"
    assert movement.national_id == "V9876543"
    assert movement.transaction_type is TransactionType.COMMISSION
    assert movement.identity == "banesco:100000123:COMMISSION"
    assert answer.payload is not None and answer.payload["amount"] == "1240.00"
    (record,) = calls.of("transaction")
    assert (record.outcome, record.http_status, record.bank_code) == (
        Outcome.FOUND,
        200,
        "approved",
    )


def test_a_status_word_alone_is_an_answer_and_absent_fields_stay_unknown(bank, ask):
    bank.says(json={"status": "success", "amount": None, "reference": "", "concept": " "})
    (movement,) = ask().movements
    assert (movement.amount, movement.reference, movement.day, movement.phone) == (None,) * 4
    assert movement.identity == "banesco:100000123:TRANSACTION"


def test_a_movement_without_a_reference_is_named_by_the_key_that_was_asked_about(bank, ask):
    """Otherwise a caller who sends another payment's number as their own would be paid by its movement."""
    bank.says(json={"status": "approved", "amount": "1240.00"})
    honest = ask()
    other = ask(replace(CLAIM, reference="987654321", own_key="100000123"))
    assert honest.movements[0].identity == other.movements[0].identity


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-08-07T02:30:00Z", date(2026, 8, 6)),
        ("2026-08-07T04:00:00+00:00", date(2026, 8, 7)),
        ("2026-08-07T23:30:00", date(2026, 8, 7)),
        ("2026-08-07 11.30 pm", date(2026, 8, 7)),
    ],
)
def test_a_moment_is_read_as_a_day_of_caracas(bank, ask, written, day):
    bank.says(json={"status": "approved", "date": written})
    assert ask().movements[0].day == day


def test_a_token_that_the_answer_repeats_is_kept_nowhere(bank, ask, calls):
    bank.says(json={"status": "approved", "concept": "the-token", "echo": {"the-token": 1}})
    answer = ask()
    assert "the-token" not in str(answer.payload)
    assert "the-token" not in repr(calls.records)


def test_a_movement_is_the_same_with_or_without_leading_zeros(bank, ask):
    identities = set()
    for shown in ("000000123", "123", 123):
        bank.says(json={"status": "approved", "reference": shown})
        (movement,) = ask().movements
        identities.add(movement.identity)
    assert identities == {"banesco:123:TRANSACTION"}


def test_an_unknown_kind_of_movement_is_read_as_other(bank, ask):
    bank.says(json={"status": "approved", "transaction_type": "FEE"})
    assert ask().movements[0].transaction_type is TransactionType.OTHER


@pytest.mark.parametrize(
    ("written", "amount"),
    [('"1240.00"', "1240.00"), ("1240.0", "1240.00"), ("1240", "1240.00"), ('"0.5000"', "0.50")],
)
def test_an_amount_may_be_a_string_or_a_number(bank, ask, written, amount):
    bank.says(
        body=f'{{"status": "approved", "amount": {written}}}', content_type="application/json"
    )
    assert str(ask().movements[0].amount) == amount


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html><h1>Mantenimiento</h1></html>",
        "null",
        "42",
        '"approved"',
        '[{"status": "approved"}]',
        "{}",
        '{"status": ""}',
        '{"status": " "}',
        '{"status": null}',
        '{"status": true}',
        '{"status": 1}',
        '{"status": ["approved"]}',
        '{"status": {"status": "approved"}}',
        '{"status": "appr\\u0000oved"}',
        '{"status": "\\ud800"}',
        '{"status": "' + "x" * 501 + '"}',
        *(
            f'{{"status": "approved", "amount": {amount}}}'
            for amount in (
                *("NaN", "Infinity", '"Infinity"', '"1e5"', "1e400", '"10.005"', "10.005"),
                *("true", "[]", '{"value": 1}', '"-5"', "-5", '"1.234,56"', '"١٢٣"'),
                *('"' + "9" * 17 + '"', '"NaN"', '"0x1"'),
            )
        ),
        '{"status": "approved", "reference": true}',
        '{"status": "approved", "reference": "' + "1" * 51 + '"}',
        '{"status": "approved", "date": "0001-01-01T00:00:00+00:00"}',
        '{"status": "approved", "reference": 1.5e3, "currency": 5}',
        '{"status": "approved", "reference": "\\ud800"}',
        '{"status": "approved", "customer_phone": ["0414"]}',
        '{"status": "approved", "date": "24/11/2026"}',
        '{"status": "approved", "date": 20261124}',
        '{"status": "approved", "concept": "a\\u0000b"}',
        '{"status": "approved", "concept": "' + "x" * 501 + '"}',
        '{"status": "approved", "more": ' + "[" * 700 + "]" * 700 + "}",
        '{"status": "appr',
        "[" * 50_000,
    ],
)
def test_what_cannot_be_read_is_never_guessed_at(bank, ask, calls, body):
    bank.says(body=body, content_type="application/json")
    with pytest.raises(BankUnreadable):
        ask(attempts=3)
    assert len(calls.of("transaction")) == 1
    assert calls.records[-1].outcome is Outcome.UNREADABLE


def test_what_cannot_be_read_is_kept_as_evidence(bank, ask, calls):
    bank.says(body="<html>Mantenimiento</html>")
    with pytest.raises(BankUnreadable):
        ask()
    assert calls.records[-1].response == {"text": "<html>Mantenimiento</html>"}


def test_404_is_not_found_yet(bank, ask, calls):
    bank.says(status=404, json={"error": "not_found"})
    assert ask(attempts=3).movements == ()
    (record,) = calls.of("transaction")
    assert record.outcome is Outcome.NOT_FOUND
    assert record.response == {"error": "not_found"}


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_what_a_repeat_can_cure_is_repeated(bank, ask, calls, status):
    bank.says(status=status)
    bank.says(status=status)
    bank.says(json={"status": "approved"})
    assert ask(attempts=3).movements
    assert [record.http_status for record in calls.of("transaction")] == [status, status, 200]


def test_a_connection_that_fails_is_repeated(bank, ask):
    bank.says(body=ConnectionResetError())
    bank.says(json={"status": "approved"})
    assert ask(attempts=3).movements


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BankRefusedUs),
        (409, BankRefusedUs),
        (422, BankRefusedUs),
        (204, BankRefusedUs),
        (302, BankUnreadable),
        (307, BankUnreadable),
    ],
)
def test_what_a_repeat_cannot_cure_is_asked_once(bank, ask, calls, status, error):
    bank.says(status=status, headers={"Location": "https://elsewhere.test/"})
    with pytest.raises(error):
        ask(attempts=3)
    assert len(calls.of("transaction")) == 1


@pytest.mark.parametrize(("status", "error"), [(429, BankRateLimited), (503, BankUnavailable)])
def test_after_the_last_attempt_its_failure_is_raised(bank, ask, calls, status, error):
    bank.says(status=status)
    with pytest.raises(error):
        ask(attempts=3)
    assert len(calls.of("transaction")) == 3


@pytest.mark.parametrize("as_date", [False, True])
def test_a_long_retry_after_is_left_to_the_worker(bank, ask, calls, as_date):
    later = datetime.now(UTC) + timedelta(hours=2)
    header = format_datetime(later, usegmt=True) if as_date else "7200"
    bank.says(status=429, headers={"Retry-After": header})
    with pytest.raises(BankRateLimited) as limited:
        ask(attempts=3)
    assert 3600 < (limited.value.retry_after or 0) <= 7200
    assert len(calls.of("transaction")) == 1


def test_a_short_retry_after_is_waited_for(bank, ask, monkeypatch):
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    bank.says(status=429, headers={"Retry-After": "7"})
    bank.says(json={"status": "approved"})
    assert ask(attempts=3).movements
    assert waited == [7.0]


def test_repeats_wait_longer_each_time_between_4_and_10_seconds(bank, ask, monkeypatch):
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    monkeypatch.setattr(conversation, "RETRY_WAIT", (4.0, 10.0))
    bank.says(status=500)
    with pytest.raises(BankUnavailable):
        ask(attempts=4, seconds=1000)
    assert waited == [4.0, 8.0, 10.0]


def test_no_repeat_is_begun_that_could_not_end_in_time(bank, ask, calls, monkeypatch):
    monkeypatch.setattr(conversation, "RETRY_WAIT", (4.0, 10.0))
    bank.says(status=500)
    with pytest.raises(BankUnavailable):
        ask(attempts=3, seconds=3)
    assert len(calls.of("transaction")) == 1


def test_no_time_left_is_no_call(bank, ask, calls):
    with pytest.raises(BankUnavailable):
        ask(seconds=0)
    assert calls.records == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_replaced_once(bank, ask, calls, status):
    bank.says(status=status)
    bank.says(json={"status": "approved"})
    assert ask().movements
    assert [record.operation for record in calls.records] == [
        "token",
        "transaction",
        "token",
        "transaction",
    ]


@pytest.mark.parametrize("status", [401, 403])
def test_a_second_refusal_means_wrong_credentials(bank, ask, calls, status):
    bank.says(status=status)
    with pytest.raises(BankRefusedUs):
        ask(attempts=3)
    assert len(calls.of("transaction")) == 2


def test_wrong_credentials_never_reach_the_question(bank, ask, calls):
    bank.replace(responses.POST, AUTH_URL, status=401, json={"error": "invalid_client"})
    with pytest.raises(BankRefusedUs):
        ask(attempts=3)
    assert [record.operation for record in calls.records] == ["token"]


@pytest.mark.parametrize(
    ("own_key", "path"),
    [
        ("FAC-2026_001", "/transactions/FAC-2026_001"),
        (None, "/transactions/100000123"),
        ("../admin?x=1#y", "/transactions/..%2Fadmin%3Fx%3D1%23y"),
    ],
)
def test_the_bank_is_asked_by_the_callers_own_id_or_else_by_the_reference(bank, ask, own_key, path):
    bank.get(f"{API_URL}{path}", json={"status": "approved"})
    ask(replace(CLAIM, own_key=own_key))
    asked = bank.calls[-1].request
    assert asked.url == f"{API_URL}{path}"
    assert asked.headers["Authorization"] == "Bearer the-token"


def test_no_record_holds_a_secret_even_if_the_bank_echoes_one(bank, ask, calls):
    bank.says(json={"status": "approved", "echo": [{"Access_Token": "the-token", "n": 1}]})
    answer = ask()
    everything = repr([*calls.records, answer])
    assert "the-token" not in everything and SECRET not in everything
    assert answer.payload == {"status": "approved", "echo": [{"Access_Token": "•••", "n": 1}]}


def test_a_huge_answer_is_kept_in_part(bank, ask, calls):
    bank.says(json={"status": "approved", "more": "x" * 30_000})
    assert ask().movements
    kept = calls.records[-1].response
    assert kept["cut"] is True
    assert len(kept["text"]) == 20_000


@pytest.mark.parametrize("kind", BankType)
def test_a_reference_is_nine_digits(tmp_path, kind):
    assert gateway(tmp_path).requirements(kind) == Requirements(reference_digits=(9, 9))


@pytest.mark.parametrize("error", BankError.__subclasses__())
def test_every_failure_says_whether_a_repeat_can_help_and_how_it_is_kept(error):
    assert error.outcome not in (Outcome.FOUND, Outcome.NOT_FOUND, Outcome.TOKEN)
    assert error.can_repeat is (error in (BankUnavailable, BankRateLimited))


SANDBOX_OUTCOMES = [
    ("100", MovementState.SETTLED),
    ("110", MovementState.SETTLED),
    ("120", MovementState.SETTLED),
    ("310", MovementState.REFUSED),
    ("400", MovementState.PENDING),
    ("600", None),
    ("920", MovementState.UNRECOGNISED),
    ("700", BankRateLimited),
    ("710", BankRateLimited),
    ("800", BankUnavailable),
    ("840", BankRefusedUs),
    ("850", BankRefusedUs),
    ("880", BankRefusedUs),
    ("910", BankUnreadable),
    ("930", BankUnavailable),
    ("940", BankUnreadable),
    ("950", BankUnreadable),
    ("960", BankUnreadable),
    ("990", BankUnreadable),
    ("970", BankUnavailable),
]


@pytest.fixture(scope="module")
def sandbox():
    with SandboxServer() as server:
        yield server


@pytest.mark.parametrize(("family", "outcome"), SANDBOX_OUTCOMES)
def test_every_outcome_of_the_sandbox_is_read_over_real_http(
    sandbox, tmp_path, calls, family, outcome
):
    adapter = gateway(
        tmp_path,
        api_url=sandbox.api_url,
        auth_url=sandbox.auth_url,
        client_id="sandbox-client",
        client_secret="sandbox-secret",
    )
    claim = replace(CLAIM, reference=f"{family}000123")
    if isinstance(outcome, type):
        with pytest.raises(outcome):
            adapter.ask(claim, calls=calls, seconds=10, attempts=1)
        return
    shown = adapter.ask(claim, calls=calls, seconds=10, attempts=1).movements
    assert [movement.state for movement in shown] == ([outcome] if outcome else [])


def test_an_expired_token_is_replaced_over_real_http(tmp_path, calls):
    with SandboxServer() as server:
        adapter = gateway(
            tmp_path,
            api_url=server.api_url,
            auth_url=server.auth_url,
            client_id="sandbox-client",
            client_secret="sandbox-secret",
        )
        adapter.ask(CLAIM, calls=calls, seconds=10, attempts=1)
        server.bank.clock.advance(10_000)
        adapter.ask(CLAIM, calls=calls, seconds=10, attempts=1)
        assert [call.status for call in server.calls("transactions")] == [200, 401, 200]
        assert len(server.calls("token")) == 2
