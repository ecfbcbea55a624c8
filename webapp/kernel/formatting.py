"""How values look to people: money, phones, national ids, days and moments (pure)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from webapp.kernel import clock
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import ngettext
from webapp.kernel.money import format_amount

NOTHING = "—"


def money(amount: Decimal | None, currency: str = "VES") -> str:
    """Write an amount as `Bs. 1.234,56`."""
    return NOTHING if amount is None else format_amount(amount, currency)


def phone(canonical: str | None) -> str:
    """Write `04141234567` as `0414-1234567`."""
    return f"{canonical[:4]}-{canonical[4:]}" if canonical else NOTHING


def national_id(canonical: str | None) -> str:
    """Write `V12345678` as `V-12.345.678`."""
    if not canonical:
        return NOTHING
    digits = canonical[1:]
    groups = [digits[max(end - 3, 0) : end] for end in range(len(digits), 0, -3)]
    return f"{canonical[0]}-{'.'.join(reversed(groups))}"


def day(value: date | None) -> str:
    """Write a day as `24/11/2026`."""
    return f"{value:%d/%m/%Y}" if value else NOTHING


def moment(value: datetime | None) -> str:
    """Write a moment as `24/11/2026 10:30 a. m.`, in the time of Caracas."""
    if value is None:
        return NOTHING
    local = value.astimezone(clock.CARACAS)
    half = "a. m." if local.hour < 12 else "p. m."
    return f"{local:%d/%m/%Y} {local.hour % 12 or 12}:{local:%M} {half}"


def ago(value: datetime | None) -> str:
    """Say how long ago a moment was, in the largest unit that fits."""
    if value is None:
        return NOTHING
    passed = clock.now() - value
    if passed < timedelta(minutes=1):
        return _("hace un momento")
    if passed < timedelta(hours=1):
        return ngettext("hace %(num)s minuto", "hace %(num)s minutos", passed.seconds // 60)
    if passed < timedelta(days=1):
        return ngettext("hace %(num)s hora", "hace %(num)s horas", passed.seconds // 3600)
    return ngettext("hace %(num)s día", "hace %(num)s días", passed.days)
