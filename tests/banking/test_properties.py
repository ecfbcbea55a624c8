"""For anything that a bank may send: no outage becomes a verdict, and adapters raise nothing but BankError."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import calmly
from webapp.banking import banesco_confirmation, banesco_status
from webapp.banking.exchange import Reply
from webapp.banking.gateway import BankAnswer, BankError, BankType, CallRecord, Claim, MovementState
from webapp.transactions.lifecycle import Status
from webapp.transactions.matching import decide

CLAIM = Claim(reference="100000123", bank=BankType.BANESCO, amount=Decimal("1.23"))

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["approved", "rejected", "CR", "DB", "200", "70001", "VRN04", "1.23"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)
status_fields = st.dictionaries(
    st.sampled_from(
        [
            *("status", "reference", "amount", "currency", "date", "concept", "customer_phone"),
            *("customer_national_id", "transaction_type"),
        ]
    ),
    values,
)
rows = st.dictionaries(
    st.sampled_from(
        ["referenceNumber", "amount", "currencyCode", "trnDate", "trnTime", "trnType", "concept"]
    ),
    values,
)
confirmations = st.fixed_dictionaries(
    {"httpStatus": st.fixed_dictionaries({"statusCode": scalars}) | values},
    optional={
        "dataResponse": st.fixed_dictionaries({"transactionDetail": st.lists(rows | values)})
        | values
    },
)
bodies = st.binary(max_size=200) | (values | status_fields | confirmations).map(
    lambda content: json.dumps(content).encode()
)
headers = st.fixed_dictionaries(
    {
        "Content-Type": st.sampled_from(
            ["application/json", "text/html", "", "application/problem+json"]
        )
    },
    optional={"Retry-After": st.text(max_size=30)},
)
statuses = st.sampled_from(
    [200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 424, 429, 500, 502, 503, 504]
)


def read(dialect: str, reply: Reply) -> BankAnswer | BankError:
    record = CallRecord(operation="transaction", request={})
    try:
        if dialect == "status":
            return banesco_status._read_answer(reply, CLAIM, record)
        return banesco_confirmation._read_answer(reply, record)
    except BankError as silent:
        return silent


@calmly
@given(st.sampled_from(["status", "confirmation"]), statuses, headers, bodies)
def test_any_reply_is_an_answer_or_a_bank_error(dialect, status, sent, body):
    result = read(dialect, Reply(status, sent, body))
    if isinstance(result, BankAnswer):
        json.dumps(result.payload)  # it can be kept
        for movement in result.movements:
            assert len(movement.identity) > 0


@calmly
@given(statuses.filter(lambda status: status != 200), headers, bodies)
def test_in_the_dialect_status_only_a_200_can_refuse_a_payment(status, sent, body):
    result = read("status", Reply(status, sent, body))
    assert isinstance(result, BankError) or result.movements == ()


@calmly
@given(statuses, headers, bodies)
def test_the_dialect_confirmation_never_refuses_a_payment(status, sent, body):
    result = read("confirmation", Reply(status, sent, body))
    if isinstance(result, BankAnswer):
        assert all(movement.state is MovementState.SETTLED for movement in result.movements)
        assert decide(CLAIM, result.movements, {}).status is not Status.CANCELED


@calmly
@given(st.sampled_from([401, 403, 429, 500, 502, 503, 504]), headers, st.binary(max_size=100))
def test_an_outage_is_no_answer_in_either_dialect(status, sent, body):
    # Without the bank's own code the HTTP status decides.
    for dialect in ("status", "confirmation"):
        assert isinstance(read(dialect, Reply(status, sent, b"<" + body)), BankError)


def test_the_claim_of_these_tests_is_one_that_could_be_verified():
    honest = {"status": "approved", "reference": CLAIM.reference, "amount": "1.23"}
    reply = Reply(200, {"Content-Type": "application/json"}, json.dumps(honest).encode())
    result = read("status", reply)
    assert isinstance(result, BankAnswer)
    assert decide(replace(CLAIM), result.movements, {}).status is Status.COMPLETED
