"""Amounts as people and programs write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import calmly
from webapp.kernel.money import (
    MAX_AMOUNT,
    AmountProblem,
    InvalidAmount,
    format_amount,
    parse_amount,
    parse_decimal,
)

amounts = st.decimals(min_value="0.01", max_value=str(MAX_AMOUNT), places=2)


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1.234,56", "1234.56"),
        ("1234,56", "1234.56"),
        ("1234.56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("Bs. 1.234,56", "1234.56"),
        ("Bs 1.234,56", "1234.56"),
        ("BsS 1.234,56", "1234.56"),
        ("Bs.S. 1.234,56", "1234.56"),
        ("ves 12", "12.00"),
        ("  0,5 ", "0.50"),
        ("1.234.567", "1234567.00"),
        ("1,234,567", "1234567.00"),
        ("1.234.567,8", "1234567.80"),
        ("1234", "1234.00"),
        ("0,01", "0.01"),
        ("9.999.999.999.999.999,99", "9999999999999999.99"),
    ],
)
def test_every_venezuelan_spelling_of_an_amount_is_read(typed, amount):
    read = parse_amount(typed)
    assert str(read) == amount


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("1.234", AmountProblem.AMBIGUOUS),
        ("1,234", AmountProblem.AMBIGUOUS),
        ("Bs. 12.345", AmountProblem.AMBIGUOUS),
        ("10.005", AmountProblem.AMBIGUOUS),
        ("0", AmountProblem.NOT_POSITIVE),
        ("0,00", AmountProblem.NOT_POSITIVE),
        ("10000000000000000", AmountProblem.TOO_LARGE),
        ("999999999999999999,99", AmountProblem.TOO_LARGE),
        ("", AmountProblem.UNREADABLE),
        ("Bs.", AmountProblem.UNREADABLE),
        ("-5", AmountProblem.UNREADABLE),
        ("+5", AmountProblem.UNREADABLE),
        ("NaN", AmountProblem.UNREADABLE),
        ("Infinity", AmountProblem.UNREADABLE),
        ("1e5", AmountProblem.UNREADABLE),
        ("1_000", AmountProblem.UNREADABLE),
        ("10,0051", AmountProblem.UNREADABLE),
        ("1.2345", AmountProblem.UNREADABLE),
        ("1.23,4.5", AmountProblem.UNREADABLE),
        ("1.234,567.89", AmountProblem.UNREADABLE),
        ("12.34.56", AmountProblem.UNREADABLE),
        ("١٢٣", AmountProblem.UNREADABLE),
        ("１２３", AmountProblem.UNREADABLE),
        ("12\x00", AmountProblem.UNREADABLE),
        ("12,5 mil", AmountProblem.UNREADABLE),
        ("9" * 5000, AmountProblem.UNREADABLE),
    ],
)
def test_an_unclear_amount_is_refused_with_its_problem(typed, problem):
    with pytest.raises(InvalidAmount) as refused:
        parse_amount(typed)
    assert refused.value.problem is problem


@pytest.mark.parametrize(
    ("written", "amount"), [("1234.56", "1234.56"), ("5", "5.00"), ("0.1", "0.10")]
)
def test_programs_write_a_point_and_at_most_two_places(written, amount):
    assert str(parse_decimal(written)) == amount


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        *(
            (text, AmountProblem.UNREADABLE)
            for text in ("", "1,5", "1.005", "1e5", "NaN", "Infinity", "-1", " 1", "1\n", "١", "１")
        ),
        ("0", AmountProblem.NOT_POSITIVE),
        ("0.00", AmountProblem.NOT_POSITIVE),
        ("99999999999999999", AmountProblem.TOO_LARGE),
    ],
)
def test_a_program_gets_no_benefit_of_the_doubt(written, problem):
    with pytest.raises(InvalidAmount) as refused:
        parse_decimal(written)
    assert refused.value.problem is problem


@calmly
@given(amounts)
def test_an_amount_that_was_shown_can_be_typed_again(amount):
    assert parse_amount(format_amount(amount)) == amount
    assert parse_decimal(str(amount)) == amount


@calmly
@given(st.text(max_size=40))
def test_any_text_is_an_amount_with_two_places_or_refused(text):
    for parse in (parse_amount, parse_decimal):
        try:
            amount = parse(text)
        except InvalidAmount:
            continue
        assert 0 < amount <= MAX_AMOUNT
        assert amount.as_tuple().exponent == -2


def test_other_currencies_are_shown_by_their_code():
    assert format_amount(Decimal("1234.5"), "USD") == "USD 1.234,50"
