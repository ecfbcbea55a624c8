"""How values look on a page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask, render_template_string

from webapp.kernel import clock, formatting

NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (formatting.money(Decimal("1234.5")), "Bs. 1.234,50"),
        (formatting.money(Decimal("0.01")), "Bs. 0,01"),
        (formatting.money(Decimal("10"), "USD"), "USD 10,00"),
        (formatting.money(None), "—"),
        (formatting.phone("04141234567"), "0414-1234567"),
        (formatting.phone(None), "—"),
        (formatting.national_id("V12345678"), "V-12.345.678"),
        (formatting.national_id("E1234"), "E-1.234"),
        (formatting.national_id(None), "—"),
        (formatting.day(date(2026, 11, 4)), "04/11/2026"),
        (formatting.day(None), "—"),
        (formatting.moment(NOW), "24/11/2026 10:30 a. m."),
        (formatting.moment(datetime(2026, 11, 24, 4, 5, tzinfo=UTC)), "24/11/2026 12:05 a. m."),
        (formatting.moment(datetime(2026, 11, 24, 16, 0, tzinfo=UTC)), "24/11/2026 12:00 p. m."),
        (formatting.moment(datetime(2026, 11, 25, 3, 59, tzinfo=UTC)), "24/11/2026 11:59 p. m."),
        (formatting.moment(None), "—"),
    ],
)
def test_values_look_as_venezuelans_write_them(shown, expected):
    assert shown == expected


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-30), "hace un momento"),
        (timedelta(seconds=59), "hace un momento"),
        (timedelta(minutes=1), "hace 1 minuto"),
        (timedelta(minutes=59, seconds=59), "hace 59 minutos"),
        (timedelta(hours=1), "hace 1 hora"),
        (timedelta(hours=23), "hace 23 horas"),
        (timedelta(days=1), "hace 1 día"),
        (timedelta(days=40), "hace 40 días"),
    ],
)
def test_ages_are_told_in_the_largest_unit(app: Flask, monkeypatch, passed, words):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    assert formatting.ago(NOW - passed) == words


def test_an_unknown_moment_has_no_age(app: Flask):
    assert formatting.ago(None) == "—"


def test_templates_have_the_filters(app: Flask):
    text = "{{ amount|money }} {{ number|phone }} {{ id|national_id }} {{ none|ago }}"
    with app.test_request_context():
        page = render_template_string(
            text, amount=Decimal(5), number="04141234567", id="V9876543", none=None
        )
    assert page == "Bs. 5,00 0414-1234567 V-9.876.543 —"
