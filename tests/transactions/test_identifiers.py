"""How Venezuelans spell phones, national ids, references and names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import calmly
from webapp.kernel import formatting
from webapp.transactions import identifiers
from webapp.transactions.identifiers import Misspelt, Problem

NINE = (9, 9)


def problem_of(function, *arguments) -> Problem:
    with pytest.raises(Misspelt) as refused:
        function(*arguments)
    return refused.value.problem


@pytest.mark.parametrize(
    "typed",
    [
        "04141234567",
        "0414-1234567",
        "0414 123 45 67",
        "(0414) 123.45.67",
        "4141234567",
        "+58 414-123.45.67",
        "+5804141234567",
        "584141234567",
        "0058 414 1234567",
        "\u00a00414\u20091234567 ",
    ],
)
def test_one_phone_has_one_spelling(typed):
    assert identifiers.phone(typed) == "04141234567"


@pytest.mark.parametrize("prefix", identifiers.MOBILE_PREFIXES)
def test_every_mobile_operator_is_known(prefix):
    assert identifiers.phone(f"{prefix}-7654321") == f"{prefix}7654321"


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", Problem.MISSING),
        (" - ", Problem.MISSING),
        ("0418-1234567", Problem.PHONE_PREFIX),
        ("0400-1234567", Problem.PHONE_PREFIX),
        ("0212-1234567", Problem.PHONE),
        ("0414-123456", Problem.PHONE),
        ("0414-12345678", Problem.PHONE),
        ("+1 414 1234567", Problem.PHONE),
        ("0414-12345a7", Problem.PHONE),
        ("٠٤١٤١٢٣٤٥٦٧", Problem.PHONE),
        ("０４１４１２３４５６７", Problem.PHONE),
        ("04141234567\x00", Problem.PHONE),
        ("0" * 10_000, Problem.PHONE),
    ],
)
def test_what_is_no_mobile_phone_is_refused(typed, problem):
    assert problem_of(identifiers.phone, typed) is problem


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("V-12.345.678", "V12345678"),
        ("v12345678", "V12345678"),
        ("12345678", "V12345678"),
        ("12.345.678", "V12345678"),
        ("V 012345678", "V12345678"),
        ("e-84.123.456", "E84123456"),
        ("1234", "V1234"),
    ],
)
def test_one_national_id_has_one_spelling(typed, stored):
    assert identifiers.national_id(typed) == stored


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", Problem.MISSING),
        ("V", Problem.NATIONAL_ID),
        ("V123", Problem.NATIONAL_ID),
        ("V123456789", Problem.NATIONAL_ID),
        ("P1234567X", Problem.NATIONAL_ID),
        ("VE1234567", Problem.NATIONAL_ID),
        ("V١٢٣٤٥٦٧", Problem.NATIONAL_ID),
        ("V１２３４５６７", Problem.NATIONAL_ID),
        ("V1234567\x00", Problem.NATIONAL_ID),
        ("J-12345678-9", Problem.NATIONAL_ID_COMPANY),
        ("g200000001", Problem.NATIONAL_ID_COMPANY),
    ],
)
def test_what_is_no_persons_id_is_refused(typed, problem):
    assert problem_of(identifiers.national_id, typed) is problem


@pytest.mark.parametrize(
    ("typed", "stored"), [("123456789", "123456789"), (" 001-234 567 ", "001234567")]
)
def test_a_reference_keeps_its_leading_zeros(typed, stored):
    assert identifiers.reference(typed, NINE) == stored


@pytest.mark.parametrize(
    ("typed", "digits", "problem"),
    [
        ("", NINE, Problem.MISSING),
        ("12345678", NINE, Problem.REFERENCE),
        ("1234567890", NINE, Problem.REFERENCE),
        ("12345678a", NINE, Problem.REFERENCE),
        ("١٢٣٤٥٦٧٨٩", NINE, Problem.REFERENCE),
        ("１２３４５６７８９", NINE, Problem.REFERENCE),
        ("12345678\x00", NINE, Problem.REFERENCE),
        ("12345", (6, 12), Problem.REFERENCE),
        ("1234567890123", (6, 12), Problem.REFERENCE),
    ],
)
def test_a_reference_has_the_digits_of_its_dialect(typed, digits, problem):
    assert problem_of(identifiers.reference, typed, digits) is problem


def test_other_dialects_take_other_lengths():
    assert identifiers.reference("123456", (6, 12)) == "123456"
    assert identifiers.reference("123456789012", (6, 12)) == "123456789012"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("María D'Angelo", "María D'Angelo"),
        ("maría d’angelo", "María D'Angelo"),
        ("PÉREZ-LÓPEZ", "Pérez-López"),
        ("Ñáñez", "Ñáñez"),
        ("ñáñez", "Ñáñez"),
        ("  ana   de  la   cruz ", "Ana de la Cruz"),
        ("JOSÉ DEL CARMEN Y PÉREZ", "José del Carmen y Pérez"),
        ("de armas", "De Armas"),
        ("McDonald", "McDonald"),
        ("rOSA vILLEGAS", "Rosa Villegas"),
        ("ROsa VillegaS", "Rosa Villegas"),
        ("d'Angelo DeLuca", "D'Angelo DeLuca"),
        ("Ana De La Cruz", "Ana De La Cruz"),
        ("ana De la CRUZ", "Ana De la Cruz"),
        ("Jose\u0301 Li", "José Li"),
        ("j. r. soto", "J. R. Soto"),
        ("Bo", "Bo"),
    ],
)
def test_real_names_are_kept_and_their_capitals_set_right(typed, stored):
    assert identifiers.full_name(typed) == stored


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", Problem.MISSING),
        ("   ", Problem.MISSING),
        ("A", Problem.NAME),
        ("'-.", Problem.NAME),
        ("-Ana", Problem.NAME),
        ("Ana 2", Problem.NAME),
        ("Ana ٢", Problem.NAME),
        ("<b>Ana</b>", Problem.NAME),
        ("Ana & Luis", Problem.NAME),
        ("Ana; DROP TABLE", Problem.NAME),
        ("Ana\x00Luisa", Problem.NAME),
        ("Ana\u202eLuisa", Problem.NAME),
        ("Ana\u200bLuisa", Problem.NAME),
        ("Ana 😀", Problem.NAME),
        ("Ana_Luisa", Problem.NAME),
        ("a" * 256, Problem.NAME_LENGTH),
        ("ß " * 127 + "ß", Problem.NAME_LENGTH),
    ],
)
def test_what_is_no_name_is_refused(typed, problem):
    assert problem_of(identifiers.full_name, typed) is problem


def test_the_longest_name_is_kept_whole():
    assert identifiers.full_name("a" * 255) == "A" + "a" * 254


@calmly
@given(st.text(max_size=300))
def test_a_name_that_was_stored_is_stored_the_same_again(text):
    try:
        stored = identifiers.full_name(text)
    except Misspelt:
        return
    assert 2 <= len(stored) <= 255
    assert not re.search(r"[\d<>&\"\x00]", stored)
    assert identifiers.full_name(stored) == stored


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("María D'Angelo", "maria d angelo"),
        ("ÑÁÑEZ-Pérez", "nanez perez"),
        ("  ", ""),
        ("王", ""),
    ],
)
def test_searches_see_neither_accents_nor_capitals(text, plain):
    assert identifiers.searchable(text) == plain


def test_a_concept_keeps_its_lines_and_an_empty_one_is_none():
    assert identifiers.concept(" Consulta\r\nde control ") == "Consulta\nde control"
    assert identifiers.concept("  ") is None
    assert identifiers.concept("x" * 500) == "x" * 500


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("x" * 501, Problem.CONCEPT_LENGTH),
        ("a\x00b", Problem.CONTROL_CHARACTER),
        ("a\x1bb", Problem.CONTROL_CHARACTER),
        ("a\ud800b", Problem.CONTROL_CHARACTER),
    ],
)
def test_a_concept_that_cannot_be_stored_is_refused(typed, problem):
    assert problem_of(identifiers.concept, typed) is problem


@pytest.mark.parametrize("typed", ["A", "FAC-2026_001", "x" * 100, " F1 "])
def test_the_callers_own_id_is_kept(typed):
    assert identifiers.transaction_id(typed) == typed.strip()


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", Problem.TRANSACTION_ID),
        ("x" * 101, Problem.TRANSACTION_ID),
        ("a b", Problem.TRANSACTION_ID),
        ("a/b", Problem.TRANSACTION_ID),
        ("ñ", Problem.TRANSACTION_ID),
        ("١", Problem.TRANSACTION_ID),
        ("a\x00", Problem.TRANSACTION_ID),
        *((word, Problem.TRANSACTION_ID_RESERVED) for word in ("new", "NEW", "batch", "Export")),
    ],
)
def test_an_id_that_cannot_stand_in_an_address_is_refused(typed, problem):
    assert problem_of(identifiers.transaction_id, typed) is problem


def test_assigned_ids_are_valid_readable_and_differ():
    made = {identifiers.new_transaction_id() for _ in range(500)}
    assert len(made) == 500
    for one in made:
        assert identifiers.transaction_id(one) == one
        assert not set(one[2:]) & set("01OIL")


def test_the_payers_bank_is_one_of_the_list_or_none():
    assert identifiers.payer_bank(" 0102 ") == "0102"
    assert identifiers.payer_bank("") is None
    for wrong in ("102", "9999", "٠١٠٢", "0102\x00"):
        assert problem_of(identifiers.payer_bank, wrong) is Problem.PAYER_BANK


@calmly
@given(st.sampled_from(identifiers.MOBILE_PREFIXES), st.integers(0, 9_999_999))
def test_a_phone_that_was_shown_can_be_typed_again(prefix, number):
    stored = f"{prefix}{number:07}"
    assert identifiers.phone(formatting.phone(stored)) == stored


@calmly
@given(st.sampled_from("VE"), st.integers(1000, 99_999_999))
def test_a_national_id_that_was_shown_can_be_typed_again(letter, number):
    stored = f"{letter}{number}"
    assert identifiers.national_id(formatting.national_id(stored)) == stored


@calmly
@given(st.text(max_size=40))
def test_any_text_is_stored_in_canonical_spelling_or_refused(text):
    shapes = {
        identifiers.phone: r"04\d{9}",
        identifiers.national_id: r"[VE]\d{4,8}",
        identifiers.transaction_id: r"[A-Za-z0-9_-]{1,100}",
    }
    for function, shape in shapes.items():
        try:
            stored = function(text)
        except Misspelt:
            continue
        assert re.fullmatch(shape, stored, re.ASCII)
        assert function(stored) == stored
