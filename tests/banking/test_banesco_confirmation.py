"""The dialect `confirmation`: the searches, every code, every quirk, every kind of garbage."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import responses

from tests.support.banesco import ACCOUNT, API_URL, AUTH_URL, SECRET, NotedCalls, confirmation
from webapp.banking import conversation
from webapp.banking.banesco_confirmation import search_for
from webapp.banking.gateway import (
    BankAnswer,
    BankRateLimited,
    BankRefusedUs,
    BankType,
    BankUnavailable,
    BankUnreadable,
    Claim,
    ClaimIncomplete,
    MovementState,
    Outcome,
    TransactionType,
)

DAY = date(2026, 11, 24)
MOBILE = Claim(
    reference="000123456789",
    bank=BankType.MOBILE_TRANSFER,
    amount=Decimal("1240.00"),
    phone="04141234567",
    payer_bank="0102",
    operation_date=DAY,
)
BANESCO = Claim(reference="000123456789", bank=BankType.BANESCO, amount=Decimal("1240.00"))
OTHER_BANK = replace(BANESCO, payer_bank="0105", operation_date=DAY)
ROW = {
    "referenceNumber": "000123456789",
    "amount": "1240.00",
    "currencyCode": "BS ",
    "accountId": "1340************8514",
    "trnDate": "2026-11-24",
    "trnTime": "10:30:00",
    "trnType": "CR",
    "sourceBankId": "134",
    "destBankId": "0134",
    "concept": "  Pago Movil ",
    "customerIdBen": "J-12345678-9",
}


def found(*rows: Any, code: Any = "200") -> dict[str, Any]:
    return {
        "httpStatus": {"statusCode": code, "statusDesc": "OK"},
        "dataResponse": {"transactionDetail": list(rows)},
    }


def coded(code: Any) -> dict[str, Any]:
    return {"httpStatus": {"statusCode": code, "statusDesc": "Error"}}


@pytest.fixture
def bank():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(AUTH_URL, json={"access_token": "the-token", "expires_in": 300})
        yield mock


@pytest.fixture
def calls() -> NotedCalls:
    return NotedCalls()


@pytest.fixture
def ask(tmp_path, calls, monkeypatch):
    monkeypatch.setattr(conversation, "RETRY_WAIT", (0.0, 10.0))
    adapter = confirmation(tmp_path)

    def ask_it(claim: Claim = MOBILE, *, attempts: int = 1) -> BankAnswer:
        return adapter.ask(claim, calls=calls, seconds=20, attempts=attempts)

    return ask_it


@pytest.mark.parametrize(
    ("claim", "search"),
    [
        (
            MOBILE,
            {
                "referenceNumber": "456789",
                "phoneNum": "584141234567",
                "bankId": "0102",
                "startDt": "2026-11-24",
            },
        ),
        (BANESCO, {"referenceNumber": "000123456789", "accountId": ACCOUNT, "bankId": "0134"}),
        (
            replace(BANESCO, payer_bank="0134", operation_date=DAY, phone="04141234567"),
            {"referenceNumber": "000123456789", "accountId": ACCOUNT, "bankId": "0134"},
        ),
        (
            OTHER_BANK,
            {
                "referenceNumber": "456789",
                "accountId": ACCOUNT,
                "bankId": "0105",
                "startDt": "2026-11-24",
            },
        ),
    ],
)
def test_the_payment_decides_which_search_is_sent_with_exactly_its_fields(claim, search):
    assert search_for(claim, ACCOUNT) == search


def test_the_request_is_the_banks_envelope_with_a_session_of_its_own(bank, ask, calls):
    bank.post(API_URL, json=coded("70001"))
    ask()
    ask()
    sent = [json.loads(call.request.body) for call in bank.calls if call.request.url == API_URL]
    for body in sent:
        request = body.pop("dataRequest")
        assert body == {}
        assert set(request) == {"device", "securityAuth", "transaction"}
        assert request["device"] == {
            "type": "Server",
            "description": "areamedica-pagos",
            "ipAddress": "127.0.0.1",
        }
    sessions = {
        call.request["body"]["dataRequest"]["securityAuth"]["sessionId"]
        for call in calls.of("transaction")
    }
    assert len(sessions) == 2
    assert SECRET not in repr(calls.records) and "the-token" not in repr(calls.records)


@pytest.mark.parametrize(
    ("claim", "lacking"),
    [
        (replace(MOBILE, payer_bank=None), ("payer_bank",)),
        (replace(MOBILE, phone=None), ("phone",)),
        (replace(MOBILE, operation_date=None, amount=None), ("operation_date", "amount")),
        (replace(MOBILE, reference="12345"), ("reference",)),
        (replace(BANESCO, reference="1234567890123"), ("reference",)),
        (replace(BANESCO, amount=None), ("amount",)),
        (replace(OTHER_BANK, operation_date=None), ("operation_date",)),
    ],
)
def test_a_payment_that_lacks_what_its_search_needs_is_not_asked_about(ask, calls, claim, lacking):
    with pytest.raises(ClaimIncomplete) as refused:
        ask(claim)
    assert refused.value.missing == lacking
    assert calls.records == []


@pytest.mark.parametrize("code", ["200", 200, " 200 "])
def test_a_credit_is_read_with_the_quirks_of_the_bank(bank, ask, calls, code):
    bank.post(API_URL, json=found(ROW, code=code))
    (movement,) = ask().movements
    assert movement.state is MovementState.SETTLED
    assert movement.reference == "000123456789"
    assert movement.amount == Decimal("1240.00")
    assert movement.currency == "BS"
    assert movement.day == DAY
    assert movement.concept == "Pago Movil"
    # Nothing in the answer identifies the payer: `customerIdBen` is the receiver's.
    assert movement.phone is None and movement.national_id is None
    (record,) = calls.of("transaction")
    assert (record.outcome, record.http_status, record.bank_code) == (Outcome.FOUND, 200, "200")


@pytest.mark.parametrize("kind", ["DB", "db", "XX", "COM"])
def test_a_row_that_is_not_a_credit_is_never_a_payment(bank, ask, kind):
    bank.post(API_URL, json=found({**ROW, "trnType": kind, "amount": "unreadable"}, ROW))
    assert len(ask().movements) == 1


def test_debits_alone_are_not_found_yet(bank, ask, calls):
    bank.post(API_URL, json=found({**ROW, "trnType": "DB"}))
    assert ask().movements == ()
    assert calls.of("transaction")[0].outcome is Outcome.NOT_FOUND


def test_the_same_row_has_the_same_identity_with_and_without_leading_zeros(bank, ask):
    bank.post(API_URL, json=found(ROW, {**ROW, "referenceNumber": "123456789"}))
    first, second = ask().movements
    assert first.identity == second.identity


@pytest.mark.parametrize(
    "other", [{"amount": "1240.01"}, {"trnDate": "2026-11-23"}, {"referenceNumber": "987654"}]
)
def test_other_rows_have_other_identities(bank, ask, other):
    bank.post(API_URL, json=found(ROW, {**ROW, **other}))
    first, second = ask().movements
    assert first.identity != second.identity


CODES = [
    ("70005", BankRefusedUs),
    ("VDE01", BankRefusedUs),
    ("VDE02", BankRefusedUs),
    ("VRN01", BankRefusedUs),
    ("VRN05", BankRateLimited),
    ("VRN04", BankUnavailable),
    ("CRT503", BankUnavailable),
    ("VRN06", BankUnavailable),
    *((code, BankUnavailable) for code in ("204", "409", "422", "500", "503", "504", 204, 500)),
    ("VXX99", BankUnreadable),
    ("70002", BankUnreadable),
]


@pytest.mark.parametrize("http_status", [200, 400, 503])
@pytest.mark.parametrize(("code", "error"), CODES)
def test_every_code_counts_more_than_the_http_status(bank, ask, calls, http_status, code, error):
    bank.post(API_URL, json=coded(code), status=http_status)
    with pytest.raises(error):
        ask()
    assert calls.of("transaction")[0].bank_code == str(code)


@pytest.mark.parametrize("http_status", [200, 400, 500])
@pytest.mark.parametrize("code", ["70001", 70001])
def test_no_results_is_not_found_in_qa_and_in_production(bank, ask, calls, http_status, code):
    bank.post(API_URL, json=coded(code), status=http_status)
    assert ask().movements == ()
    assert calls.of("transaction")[0].outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 401, "body": "Unauthorized"}, BankRefusedUs),
        ({"status": 403, "body": "Forbidden"}, BankRefusedUs),
        ({"status": 429, "body": "slow down"}, BankRateLimited),
        ({"status": 424, "body": ""}, BankUnavailable),
        ({"status": 204}, BankUnavailable),
        ({"status": 502, "body": "<html>"}, BankUnavailable),
        ({"status": 301, "headers": {"Location": "https://elsewhere.test"}}, BankUnreadable),
        ({"status": 400, "json": {"error": "?"}}, BankUnreadable),
        ({"status": 404, "body": "nothing here"}, BankUnreadable),
        ({"status": 200, "body": "<html>Mantenimiento</html>"}, BankUnreadable),
        (
            {"status": 200, "body": json.dumps(found(ROW)), "content_type": "text/html"},
            BankUnreadable,
        ),
        ({"status": 200, "json": []}, BankUnreadable),
        ({"status": 200, "json": {"httpStatus": "200"}}, BankUnreadable),
        ({"status": 200, "json": {"httpStatus": {"statusCode": ["200"]}}}, BankUnreadable),
        ({"status": 200, "json": {"httpStatus": {"statusCode": True}}}, BankUnreadable),
        ({"status": 200, "json": coded("200")}, BankUnreadable),
        ({"status": 200, "json": {**coded("200"), "dataResponse": None}}, BankUnreadable),
        (
            {"status": 200, "json": {**coded("200"), "dataResponse": {"transactionDetail": {}}}},
            BankUnreadable,
        ),
        ({"status": 200, "json": found("CR")}, BankUnreadable),
        *(
            ({"status": 200, "json": found(ROW, {**ROW, name: value})}, BankUnreadable)
            for name, value in [
                ("trnType", None),
                ("trnType", 1),
                ("amount", None),
                ("amount", "1,240.00"),
                ("amount", "-1"),
                ("amount", "1e3"),
                ("amount", "10.005"),
                ("amount", True),
                ("referenceNumber", None),
                ("referenceNumber", "12A456"),
                ("referenceNumber", "١٢٣٤٥٦"),
                ("trnDate", "ayer"),
                ("currencyCode", 928),
                ("concept", {"text": "?"}),
            ]
        ),
    ],
)
def test_what_cannot_be_understood_is_never_guessed_at(bank, ask, answer, error):
    bank.post(API_URL, **answer)
    with pytest.raises(error):
        ask()


def test_a_list_without_rows_is_not_found(bank, ask):
    bank.post(API_URL, json=found())
    assert ask().movements == ()


@pytest.mark.parametrize(
    "answer", [{"status": 401}, {"status": 403}, {"json": coded("VRN01"), "status": 403}]
)
def test_a_refused_token_is_replaced_once_and_no_more(bank, ask, calls, answer):
    bank.post(API_URL, **answer)
    with pytest.raises(BankRefusedUs):
        ask(attempts=3)
    assert len(calls.of("transaction")) == 2
    assert len(calls.of("token")) == 2


@pytest.mark.parametrize(
    ("code", "cured"), [("VRN04", True), ("500", True), ("VDE01", False), ("70001", False)]
)
def test_only_what_a_repeat_can_cure_is_repeated(bank, ask, calls, code, cured):
    bank.post(API_URL, json=coded(code))
    bank.post(API_URL, json=found(ROW))
    try:
        answer = ask(attempts=3)
    except BankRefusedUs:
        answer = None
    assert bool(answer and answer.movements) is cured
    assert len(calls.of("transaction")) == (2 if cured else 1)


@pytest.mark.parametrize("claim", [MOBILE, BANESCO, OTHER_BANK])
def test_claims_that_lead_to_the_same_question_are_one_subject(tmp_path, claim):
    subject = confirmation(tmp_path).subject
    unasked = {"amount": Decimal(1), "own_key": "FAC-1", "national_id": "V9876543"}
    kind = {"transaction_type": TransactionType.COMMISSION}
    assert subject(replace(claim, **unasked, **kind)) == subject(claim)
    assert subject(replace(claim, reference="000123456788")) != subject(claim)


def test_a_whole_reference_and_its_tail_are_one_subject_where_the_tail_is_sent(tmp_path):
    subject = confirmation(tmp_path).subject
    assert subject(replace(MOBILE, reference="456789")) == subject(MOBILE)
    assert subject(replace(BANESCO, reference="456789")) != subject(BANESCO)
    others = [MOBILE, BANESCO, OTHER_BANK, replace(MOBILE, phone="04121234567")]
    assert len({subject(claim) for claim in others}) == len(others)


def test_a_statement_is_asked_for_in_parts_of_at_most_thirty_days(bank, calls, tmp_path):
    bank.post(API_URL, json=found(ROW, {**ROW, "trnType": "DB"}))
    movements = confirmation(tmp_path).statement(
        start=date(2026, 9, 1), end=DAY, call_log_for=lambda _: calls, seconds=10, attempts=1
    )
    parts = [call.request["body"]["dataRequest"]["transaction"] for call in calls.of("statement")]
    assert [(part["startDt"], part["endDt"]) for part in parts] == [
        ("2026-09-01", "2026-10-01"),
        ("2026-10-02", "2026-11-01"),
        ("2026-11-02", "2026-11-24"),
    ]
    assert all(set(part) == {"accountId", "startDt", "endDt"} for part in parts)
    assert len(movements) == 3


def test_days_that_the_bank_finds_too_many_are_asked_about_in_smaller_parts(
    bank, calls: NotedCalls, tmp_path
):
    bank.post(API_URL, json=coded("70005"))
    bank.post(API_URL, json=found(ROW))
    bank.post(API_URL, json=coded("70005"))
    bank.post(API_URL, json=found(ROW))
    bank.post(API_URL, json=coded("70001"))
    subjects: list[str] = []

    def log_of(subject: str) -> NotedCalls:
        subjects.append(subject)
        return calls

    movements = confirmation(tmp_path).statement(
        start=date(2026, 11, 1), end=date(2026, 11, 5), call_log_for=log_of, seconds=10, attempts=1
    )
    parts = [call.request["body"]["dataRequest"]["transaction"] for call in calls.of("statement")]
    assert [(int(part["startDt"][-2:]), int(part["endDt"][-2:])) for part in parts] == [
        (1, 5),
        (1, 3),
        (4, 5),
        (4, 4),
        (5, 5),
    ]
    assert len(set(subjects)) == len(subjects) == 5
    assert len(movements) == 2


def test_a_day_that_the_bank_finds_too_wide_is_our_fault(bank, calls, tmp_path):
    bank.post(API_URL, json=coded("70005"))
    with pytest.raises(BankRefusedUs, match="too many days"):
        confirmation(tmp_path).statement(
            start=DAY, end=DAY, call_log_for=lambda _: calls, seconds=10, attempts=1
        )
