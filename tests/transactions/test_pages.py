"""What a cashier sees when logging payments."""

from __future__ import annotations

from tests.support import payments
from tests.support.bank import FakeGateway
from tests.support.pages import Browser


def test_a_payment_is_saved_in_canonical_spelling(cashier: Browser, bank: FakeGateway) -> None:
    answer = cashier.post(
        "/transactions/new",
        payments.form(full_name="maría d'angelo", phone="+58 414-123.45.67", amount="1.234,56"),
        form="/transactions/new",
    )
    assert answer.status == 303
    page = cashier.follow(answer)
    assert "María D'Angelo" in page.text
    assert "Bs. 1.234,56" in page.text
    assert "0414-1234567" in page.text


def test_an_empty_field_says_how_it_should_look(cashier: Browser, bank: FakeGateway) -> None:
    empty = dict.fromkeys(("reference", "amount", "full_name", "national_id", "phone"), "")
    page = cashier.post("/transactions/new", payments.form(**empty), form="/transactions/new")
    assert page.status == 422
    for example in ("123456789", "1.234,56", "María D'Angelo", "V-12.345.678", "0414-1234567"):
        assert f"Falta este dato. Escríbalo como {example}." in page.text
