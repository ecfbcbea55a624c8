"""Today at a glance."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from sqlalchemy import text

from tests.support import payments
from tests.support.pages import Browser
from tests.support.people import Cast
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.reports import queries


def put(cast: Cast, status: str, amount: str = "100.00", **values: object) -> None:
    payment = payments.logged(cast.cashier, amount=Decimal(amount))
    values = {"status": status, **values}
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    db.session.execute(
        text(f"UPDATE transactions SET {assignments} WHERE id = :id"),
        {**values, "id": payment.id},
    )
    db.session.commit()


def test_an_empty_day_is_all_zeros(cashier: Browser):
    page = cashier.get("/")
    assert "Bs. 0,00" in page.text
    assert "en 0 pagos" in page.text
    assert "Nada espera una decisión" in page.text
    assert "Banesco responde" in page.text


def test_only_what_is_verified_today_is_added_up(app: Flask, cast: Cast, cashier: Browser):
    midnight = clock.start_of_day(clock.today())
    put(cast, "COMPLETED", "1000.50")
    put(cast, "COMPLETED", "0.01", created_at=midnight)
    put(cast, "COMPLETED", "7.00", created_at=midnight - timedelta(microseconds=1))
    put(cast, "COMPLETED", "9.00", created_at=midnight + timedelta(days=1))
    put(cast, "COMPLETED", "5.00", deleted_at=clock.now(), reference_key=None)
    put(cast, "CANCELED", "3.00")
    put(cast, "TO_REVIEW", "2.00")
    page = cashier.get("/")
    assert "Bs. 1.000,51" in page.text
    assert "en 2 pagos" in page.text


def test_what_arrived_is_added_up_and_not_what_was_declared(
    app: Flask, cast: Cast, cashier: Browser
):
    put(cast, "COMPLETED", "999999.00", bank_amount=Decimal("1239.00"))
    put(cast, "COMPLETED", "1.00")
    assert "Bs. 1.240,00" in cashier.get("/").text


def test_everything_that_still_waits_is_counted_whatever_its_day(
    app: Flask, cast: Cast, cashier: Browser
):
    long_ago = clock.now() - timedelta(days=3)
    put(cast, "IN_PROGRESS", created_at=long_ago)
    put(cast, "IN_PROGRESS")
    put(cast, "TO_REVIEW", updated_at=long_ago)
    put(cast, "UNKNOWN")
    today = queries.today(clock.today(), bank_environment="qa")
    assert (today.in_progress_count, today.review_count, today.unknown_count) == (2, 1, 1)
    assert today.oldest_review_at == long_ago
    assert "El más antiguo espera desde hace 3 días" in cashier.get("/").text


def test_each_figure_leads_to_its_list(app: Flask, cast: Cast, cashier: Browser):
    put(cast, "COMPLETED")
    page = cashier.get("/")
    (verified,) = [url for url in page.links if "status=COMPLETED" in url]
    day = clock.today().isoformat()
    assert parse_qs(urlsplit(verified).query) == {
        "status": ["COMPLETED"],
        "from_date": [day],
        "to_date": [day],
    }
    assert "1 pago" in cashier.get(verified).text
    for url in page.links:
        if url.startswith("/"):
            assert cashier.get(url).status == 200


def test_only_who_decides_is_led_to_the_queue(cashier: Browser, supervisor: Browser):
    assert "/reviews" not in cashier.get("/").links
    assert "/transactions?status=TO_REVIEW" in cashier.get("/").links
    assert "/reviews" in supervisor.get("/").links
