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
