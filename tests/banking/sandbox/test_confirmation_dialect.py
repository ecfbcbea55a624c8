"""The dialect `confirmation`: the four searches, the codes and the quirks of the bank."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.banking.sandbox.conftest import ACCOUNT, Customer
from webapp.banking.sandbox.server import SandboxServer

pytestmark = pytest.mark.enable_socket

MOBILE = {"phoneNum": "584141234567", "bankId": "0102", "startDt": "2026-11-24"}
BANESCO = {"accountId": ACCOUNT, "bankId": "0134"}
OTHER_BANK = {"accountId": ACCOUNT, "bankId": "0105", "startDt": "2026-11-24"}


def code(answer: requests.Response) -> Any:
    return answer.json()["httpStatus"]["statusCode"]


def rows(answer: requests.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["dataResponse"]["transactionDetail"]
    return found


def test_a_mobile_payment_is_found_by_its_tail_with_the_quirks_of_the_bank(
    customer: Customer,
) -> None:
    answer = customer.search(referenceNumber="100124", **MOBILE)
    assert code(answer) == "200"
    assert rows(answer) == [
        {
            "referenceNumber": "112402100124",
            "amount": "124.00",
            "currencyCode": "BS ",
            "accountId": "1340************8514",
            "trnDate": "2026-11-24",
            "trnTime": "10:30:00",
            "trnType": "CR",
            "sourceBankId": "102",
            "destBankId": "0134",
            "concept": "  Pago recibido ",
            "customerIdBen": "J-12345678-9",
        }
    ]


def test_a_transfer_inside_banesco_is_found_by_its_whole_reference(customer: Customer) -> None:
    [row] = rows(customer.search(referenceNumber="100124000", **BANESCO))
    assert row["referenceNumber"] == "000100124000"
    assert row["amount"] == "1240.00"
    assert row["accountId"] == "1340************8514"
    [short] = rows(customer.search(referenceNumber="100124", **BANESCO))
    assert short["amount"] == "124.00"


def test_a_transfer_from_another_bank_is_found_by_tail_account_and_day(customer: Customer) -> None:
    [row] = rows(customer.search(referenceNumber="100000", **OTHER_BANK))
    assert row["amount"] == "1000.00"
    assert row["sourceBankId"] == "105"


@pytest.mark.parametrize("search", [MOBILE, BANESCO, OTHER_BANK])
def test_a_missing_or_an_extra_field_is_answered_as_not_found(
    customer: Customer, search: dict[str, str]
) -> None:
    whole = {"referenceNumber": "100124"} | search
    assert code(customer.search(**whole)) == "200"
    for name in whole:
        fewer = {field: value for field, value in whole.items() if field != name}
        assert code(customer.search(**fewer)) == "70001", name
    assert code(customer.search(**whole, amount="124.00")) == "70001"


@pytest.mark.parametrize(
    "transaction",
    [
        {"referenceNumber": "000100124"} | MOBILE,
        {"referenceNumber": "100124"} | MOBILE | {"phoneNum": "04141234567"},
        {"referenceNumber": "100124"} | MOBILE | {"phoneNum": "+584141234567"},
        {"referenceNumber": "100124"} | MOBILE | {"bankId": "102"},
        {"referenceNumber": "100124"} | MOBILE | {"startDt": "2026-11-25"},
        {"referenceNumber": "100124"} | OTHER_BANK | {"bankId": "0134"},
        {"referenceNumber": "100124"} | BANESCO | {"bankId": "0105"},
        {"referenceNumber": "100124"} | BANESCO | {"accountId": "1340"},
        {"referenceNumber": "555124"} | MOBILE,
    ],
)
def test_values_that_fit_nothing_find_nothing(
    customer: Customer, transaction: dict[str, str]
) -> None:
    answer = customer.search(**transaction)
    assert (answer.status_code, code(answer)) == (200, "70001")


@pytest.mark.parametrize("change", [{"startDt": "24/11/2026"}, {"referenceNumber": 100124}])
def test_a_malformed_value_is_vde02(customer: Customer, change: dict[str, Any]) -> None:
    answer = customer.search(**({"referenceNumber": "100124"} | MOBILE | change))
    assert code(answer) == "VDE02"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({}, "VDE01"),
        ([], "VDE02"),
        ({"dataRequest": {"transaction": {}}}, "VDE01"),
        ({"dataRequest": {"device": "x"}}, "VDE02"),
    ],
)
def test_an_incomplete_envelope_is_our_fault(
    customer: Customer, payload: Any, expected: str
) -> None:
    assert code(customer.post(payload)) == expected


def test_a_session_id_is_good_for_one_call(customer: Customer) -> None:
    payload = {"dataRequest": customer.envelope() | {"transaction": {"referenceNumber": "1"}}}
    assert code(customer.post(payload)) == "70001"
    assert code(customer.post(payload)) == "VDE02"


def test_production_says_not_found_with_http_400(customer: Customer) -> None:
    customer.production = True
    answer = customer.search(referenceNumber="600124", **MOBILE)
    assert (answer.status_code, code(answer)) == (400, "70001")
    assert len(rows(customer.search(referenceNumber="100124", **MOBILE))) == 1


@pytest.mark.parametrize(("production", "status"), [(False, 401), (True, 403)])
def test_a_bad_token_is_refused_without_json(
    customer: Customer, production: bool, status: int
) -> None:
    customer.production = production
    answer = customer.post({}, {"Authorization": "Bearer old"})
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_reference_may_come_back_without_zeros_and_the_code_as_a_number(
    customer: Customer,
) -> None:
    answer = customer.search(referenceNumber="000110124000", **BANESCO)
    assert code(answer) == 200
    assert rows(answer)[0]["referenceNumber"] == "110124000"


def test_a_credit_may_stand_among_commissions_with_only_a_tail_for_reference(
    customer: Customer,
) -> None:
    found = rows(customer.search(referenceNumber="120124", **MOBILE))
    assert [row["trnType"] for row in found] == ["DB", "CR", "DB"]
    credit = found[1]
    assert credit["referenceNumber"] == "120124"
    assert credit["sourceBankId"] == "134"
    assert credit["trnTime"] == "00.00.00"


def test_two_credits_may_fit(customer: Customer) -> None:
    found = rows(customer.search(referenceNumber="130124", **MOBILE))
    assert [(row["trnType"], row["amount"]) for row in found] == [("CR", "124.00")] * 2


def test_there_may_be_only_debits(customer: Customer) -> None:
    found = rows(customer.search(referenceNumber="140124", **MOBILE))
    assert {row["trnType"] for row in found} == {"DB"}


def test_one_fitting_credit_may_stand_among_others(customer: Customer) -> None:
    found = rows(customer.search(referenceNumber="150124", **MOBILE))
    assert [row["amount"] for row in found] == ["174.00", "124.00", "131.00"]


@pytest.mark.parametrize(
    ("family", "field", "value"),
    [
        ("200", "amount", "125.00"),
        ("230", "referenceNumber", "887597769875"),
        ("240", "currencyCode", "USD"),
        ("250", "trnDate", "2026-11-21"),
        ("310", "trnType", "DB"),
    ],
)
def test_a_family_shows_a_row_that_does_not_fit(
    customer: Customer, family: str, field: str, value: str
) -> None:
    [row] = rows(customer.search(referenceNumber=f"{family}124", **MOBILE))
    assert row[field] == value


@pytest.mark.parametrize(
    ("family", "expected", "status"),
    [
        ("210", "70001", 200),
        ("300", "70001", 200),
        ("410", "70001", 200),
        ("600", "70001", 200),
        ("610", 70001, 200),
        ("700", "VRN05", 429),
        ("800", "500", 500),
        ("810", "VRN04", 503),
        ("820", "CRT503", 503),
        ("830", "VRN06", 424),
        ("840", "VRN01", 401),
        ("850", "VDE01", 200),
        ("860", "VDE02", 200),
        ("870", "70005", 200),
        ("880", "204", 200),
        ("920", "VXX99", 200),
    ],
)
def test_a_family_answers_with_its_code(
    customer: Customer, family: str, expected: str | int, status: int
) -> None:
    answer = customer.search(referenceNumber=f"{family}124", **MOBILE)
    assert (code(answer), answer.status_code) == (expected, status)


@pytest.mark.parametrize(("family", "wait"), [("400", 30), ("500", 60)])
def test_a_late_payment_appears_after_a_while(
    customer: Customer, sandbox: SandboxServer, family: str, wait: int
) -> None:
    reference = f"{family}124"
    assert code(customer.search(referenceNumber=reference, **MOBILE)) == "70001"
    sandbox.bank.clock.advance(wait)
    assert len(rows(customer.search(referenceNumber=reference, **MOBILE))) == 1


def test_a_stored_movement_is_found_only_by_its_own_phone_bank_and_day(customer: Customer) -> None:
    known = {"phoneNum": "584121234567", "bankId": "0102", "startDt": "2026-11-24"}
    [row] = rows(customer.search(referenceNumber="778899", **known))
    assert row["referenceNumber"] == "000000778899"
    for wrong in (
        {"phoneNum": "584140000000"},
        {"bankId": "0105"},
        {"startDt": "2026-11-23"},
    ):
        assert code(customer.search(**({"referenceNumber": "778899"} | known | wrong))) == "70001"


def test_a_stored_movement_can_carry_any_code(customer: Customer) -> None:
    movement = {"reference": "555124", "amount": "1", "payer_bank": "0102", "bank_code": "422"}
    customer.admin("POST", "movements", movement)
    assert code(customer.search(referenceNumber="555124", **MOBILE)) == "422"


def test_a_statement_lists_credits_and_debits_of_at_most_thirty_days(customer: Customer) -> None:
    days = {"startDt": "2026-10-25", "endDt": "2026-11-24"}
    found = rows(customer.search(accountId=ACCOUNT, **days))
    assert {row["trnType"] for row in found} == {"CR", "DB"}
    wide = days | {"startDt": "2026-10-24"}
    assert code(customer.search(accountId=ACCOUNT, **wide)) == "70005"
    empty = {"startDt": "2026-01-01", "endDt": "2026-01-02"}
    assert code(customer.search(accountId=ACCOUNT, **empty)) == "70001"
    backwards = {"startDt": "2026-11-24", "endDt": "2026-11-23"}
    assert code(customer.search(accountId=ACCOUNT, **backwards)) == "VDE02"


def test_the_call_log_names_the_reference_that_was_asked_for(
    customer: Customer, sandbox: SandboxServer
) -> None:
    customer.search(referenceNumber="100124", **MOBILE)
    customer.post("nonsense")
    assert [call.key for call in sandbox.calls("confirmation")] == ["100124", None]
