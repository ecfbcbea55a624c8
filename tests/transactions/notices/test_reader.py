"""Pasted notices fill the form with what they say, and with nothing that they do not say."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import calmly
from tests.transactions.notices.texts import REFUSED, TEXTS
from webapp.transactions.notices.reader import NotANotice, Notice, read

TODAY = date(2026, 11, 24)


def without_accents(text: str) -> str:
    split = unicodedata.normalize("NFD", text)
    return "".join(character for character in split if not unicodedata.combining(character))


VARIATIONS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "lines joined with a space": lambda text: text.replace("\n", " "),
    "Windows lines": lambda text: text.replace("\n", "\r\n"),
    "non-breaking spaces": lambda text: text.replace(" ", "\u00a0"),
    "narrow spaces": lambda text: text.replace(" ", "\u202f"),
    "many spaces": lambda text: text.replace(" ", "  \t"),
    "decomposed accents": lambda text: unicodedata.normalize("NFD", text),
    "invisible marks": lambda text: text.replace(" ", " \u200b").replace(":", ":\u200e"),
    "framed": lambda text: f"\n  {text}  \n\n",
    "final dot": lambda text: f"{text}.",
    "quoted": lambda text: f"> {text}",
}


def read_today(text: str) -> Notice:
    return read(text, today=TODAY)


@pytest.mark.parametrize("variation", VARIATIONS)
@pytest.mark.parametrize("name", TEXTS)
def test_every_notice_fills_what_it_says(name: str, variation: str):
    wanted = TEXTS[name]
    notice = read_today(VARIATIONS[variation](wanted.text))
    assert notice.values == wanted.values
    assert {field: doubt.value for field, doubt in notice.doubts.items()} == wanted.doubts


@pytest.mark.parametrize("name", TEXTS)
def test_lost_accents_and_line_ends_fill_nothing_wrong(name: str):
    wanted = TEXTS[name]
    plain = {**wanted.values}
    if "full_name" in plain:
        plain["full_name"] = without_accents(plain["full_name"])
    assert read_today(without_accents(wanted.text)).values == plain
    glued = read_today(wanted.text.replace("\n", ""))
    assert {
        "amount",
        "reference",
    } & wanted.values.keys() <= glued.values.keys() | glued.doubts.keys()
    assert glued.values.items() <= wanted.values.items()
    for lost in ("?", "\ufffd", ""):
        damaged = "".join(one if one.isascii() else lost for one in wanted.text)
        values = read_today(damaged).values
        assert {**wanted.values, **values, "full_name": ""} == {**wanted.values, "full_name": ""}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_what_tells_of_no_payment_is_refused(text: str):
    with pytest.raises(NotANotice) as refused:
        read_today(text)
    assert refused.value.refusal.value == REFUSED[text]


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1234.0", "1234,00"), ("1.234,56", "1234,56"), ("1,234.56", "1234,56"), ("10000,00", "10000,00"),
        ("12.000,00", "12000,00"), ("1.234.567,8", "1234567,80"), ("963,89", "963,89"), ("50", "50,00"), ("0,50", "0,50"),
        ("1.234", None), ("1,234", None), ("1 234,56", None), ("1.234,567", None), ("12.34.567", None), ("1234.567", None),
        ("1.23,45", None), ("1,234,56", None), ("007", None), ("0,00", None), ("50,00*", None), ("***,50", None),
        ("1234,5603/05/2026", None), ("120003/05/2026", None), ("1.\n234,56", None), ("-50,00", None),
    ],
)  # fmt: skip
def test_an_amount_is_read_in_one_way_or_not_at_all(written: str, amount: str | None):
    notice = read_today(f"Pago Movil recibido por Bs. {written} Ref: 123456789")
    assert notice.values.get("amount") == amount
    assert ("amount" in notice.doubts) == (amount is None)


@pytest.mark.parametrize(
    ("more", "field", "doubt"),
    [
        ("Monto: 60,00", "amount", "several"),
        ("Ref: 987654321", "reference", "several"),
        ("el 01/11/2026 y el 02/11/2026", "operation_date", "several"),
        ("el 25/11/2026", "operation_date", "impossible"),
        ("el 11/25/2026", "operation_date", "ambiguous"),
        ("de 04141234567 Telf 04121234567", "phone", "several"),
        ("CI: V-12345678 de V-23456789", "national_id", "several"),
        ("RIF J-123456789", "national_id", "company"),
    ],
)
def test_what_can_be_two_things_is_left_empty(more: str, field: str, doubt: str):
    notice = read_today(f"Pago Movil recibido por Bs. 50,00 Ref: 123456789 {more}")
    assert field not in notice.values
    assert notice.doubts[field].value == doubt


def test_a_reference_that_is_cut_masked_or_glued_to_other_digits_is_left_empty():
    for written in ("****1234", "12345601/11/2026", "123456 7890", "12"):
        notice = read_today(f"Pago Movil recibido por Bs. 50,00 Ref: {written}")
        assert "reference" not in notice.values, written


def test_a_reference_that_looks_like_a_phone_is_no_phone():
    notice = read_today("Pago Movil recibido por Bs. 50,00 Ref: 04141234567")
    assert notice.values["reference"] == "04141234567"
    assert "phone" not in notice.values


@pytest.mark.parametrize(
    ("text", "bank"), [("BDV, SMS", "0102"), ("Mercantil", "0105"), ("Banesco, received", None)]
)
def test_a_notice_of_money_in_another_bank_says_so(text: str, bank: str | None):
    assert read_today(TEXTS[text].text).elsewhere == bank


def spellings(amount: Decimal) -> list[str]:
    cents = f"{amount:.2f}"
    grouped = f"{amount:,.2f}"
    return [
        cents, cents.replace(".", ","), grouped, grouped.translate(str.maketrans(",.", ".,")),
        *([f"{amount:.1f}"] if cents.endswith("0") else []),
    ]  # fmt: skip


@calmly
@given(
    amount=st.decimals(Decimal("0.01"), Decimal("999999999.99"), places=2),
    spelling=st.integers(0, 3),
    frame=st.sampled_from(
        [
            "Recibiste un PagomovilBDV por Bs.{}del 0414-1234567 Ref: 123456789012",
            "Pago Movil recibido por Bs. {} el 01/01/2026; 12:00 REF 000000004567.",
            "Bs {} Ref:123456789012 Saldo disponible Bs. 99,99",
            "MONTO DE LA OPERACION\nBs. {}\nNUMERO DE REFERENCIA 123456789012",
            "Monto: {} Bolívares\nReferencia: 123456789012",
            "Saldo disponible Bs. 5,00. Abono por Bs.: {}. Comision Bs. 1,00",
        ]
    ),
)
def test_no_amount_is_ever_read_wrongly(amount: Decimal, spelling: int, frame: str):
    written = spellings(amount)[spelling]
    notice = read_today(frame.format(written))
    assert notice.values["amount"] == f"{amount:.2f}".replace(".", ",")


words = st.text(st.characters(exclude_categories=("N", "Cs")), min_size=1, max_size=60)


@calmly
@given(words, st.sampled_from(sorted(TEXTS)), st.integers(0, 60))
def test_foreign_words_never_turn_an_amount_into_another(words: str, name: str, place: int):
    parts = TEXTS[name].text.split(" ")
    place %= len(parts)
    try:
        notice = read_today(" ".join([*parts[:place], words, *parts[place:]]))
    except NotANotice:
        return
    assert notice.values.get("amount") in (None, TEXTS[name].values.get("amount"))
