"""One reading of filters for pages and programs: what the one refuses, the other refuses."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bank import FakeGateway
from tests.support.pages import Browser
from tests.support.people import Cast
from tests.support.programs import Program
from tests.support.properties import calmly
from webapp.banking.gateway import BankType
from webapp.transactions import filtering
from webapp.transactions.filtering import Filter
from webapp.transactions.lifecycle import Status


def test_what_is_typed_becomes_canonical_and_what_is_empty_narrows_nothing():
    given = {
        "q": "  rosa ",
        "status": "TO_REVIEW",
        "bank": "BANESCO",
        "reference": "100-200",
        "phone": "+58 414-123.45.67",
        "national_id": "12.345.678",
        "from_date": "2026-11-01",
        "to_date": " ",
        "page": "2",
    }
    wanted, problems = filtering.read(given)
    assert problems == []
    assert wanted == Filter(
        q="rosa",
        status=Status.TO_REVIEW,
        bank=BankType.BANESCO,
        reference="100200",
        phone="04141234567",
        national_id="V12345678",
        from_date=date(2026, 11, 1),
    )


@calmly
@given(st.dictionaries(st.sampled_from(sorted(Filter.__dataclass_fields__)), st.text(max_size=300)))
def test_whatever_is_typed_is_read_or_said_by_name(typed: dict[str, str]):
    wanted, problems = filtering.read(typed)
    for problem in problems:
        name = problem.location[0]
        assert name in typed
        assert problem.detail and problem.code
    refused = {str(problem.location[0]) for problem in problems}
    assert all(getattr(wanted, name) is None for name in refused - {"to_date"})


@pytest.mark.parametrize(
    "query",
    [
        "status=PAID",
        "status=COMPLETED&bank=BANESCO&q=rosa",
        "phone=123",
        "national_id=J-12345678-9",
        "from_date=2026-02-02&to_date=2026-02-01",
        "to_date=9999-12-31",
        "reference=abc&status=X",
        "q=" + "x" * 300,
        "created_by=nobody",
        "from_date=",
    ],
)
def test_page_and_program_refuse_the_same(
    app: Flask, cast: Cast, bank: FakeGateway, cashier: Browser, query: str
):
    page = cashier.get(f"/transactions?{query}")
    answer = Program(app, cast.cashier).get(f"/transactions?{query}")
    assert page.status == answer.status_code
    for error in answer.get_json().get("errors", []):
        assert error["detail"] in page.text
