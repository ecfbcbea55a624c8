"""The filter of the calls to the bank, as the page's address holds it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from wtforms import Form, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import Optional, StopValidation

from webapp.banking import wording
from webapp.banking.queries import CallFilter, Mark
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.web.form_fields import DayField


def _choice(label: Any, words: Mapping[Any, Any]) -> SelectField:
    """Make a choice among the values that have words, or none; the field says itself what else is wrong."""
    known = {str(value): text for value, text in words.items()}

    def is_known(_form: Form, field: Any) -> None:
        if field.data and field.data not in known:
            raise StopValidation(_("Elija una de las opciones."))

    options = [SelectChoice("", _l("Todos")), *(SelectChoice(v, t) for v, t in known.items())]
    return SelectField(label, choices=options, validate_choice=False, validators=[is_known])


class CallFilterForm(Form):
    """The filter's fields; a value that makes no sense gets a sentence, it is not ignored."""

    environment = _choice(_l("Ambiente"), wording.ENVIRONMENTS)
    dialect = _choice(_l("Interfaz"), wording.DIALECTS)
    operation = _choice(_l("Consulta"), wording.OPERATIONS)
    outcome = _choice(_l("Resultado"), wording.OUTCOMES)
    transaction_id = StringField(_l("Identificador del pago"))
    from_date = DayField(_l("Desde"), validators=[Optional()])
    to_date = DayField(_l("Hasta"), validators=[Optional()])

    def validate_transaction_id(self, field: Any) -> None:
        """Refuse what no identifier of a payment looks like."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,100}", (field.data or "").strip()):
            raise StopValidation(
                _("Un identificador lleva letras sin acento, dígitos y guiones, como FAC-2026-001.")
            )

    def validate_to_date(self, field: Any) -> None:
        """Refuse an end before the beginning, and years beyond the calendar."""
        if field.data and self.from_date.data and field.data < self.from_date.data:
            raise StopValidation(_("«Hasta» no puede ser anterior a «Desde»."))
        if field.data and field.data.year > 9998:
            raise StopValidation(_("Esa fecha no existe en el calendario de pagos."))

    def wanted(self) -> CallFilter:
        """Return the filter; to be called after `validate`."""
        return CallFilter(
            environment=self.environment.data or None,
            dialect=self.dialect.data or None,
            operation=self.operation.data or None,
            outcome=self.outcome.data or None,
            transaction_id=(self.transaction_id.data or "").strip() or None,
            from_date=self.from_date.data,
            to_date=self.to_date.data,
        )


def mark_as_text(mark: Mark) -> str:
    """Return a mark as an address holds it."""
    return f"{mark.requested_at.isoformat()}_{mark.call_id}"


def read_mark(text: str) -> Mark | None:
    """Return the mark that an address holds; None, the list's beginning, where it cannot be read."""
    moment, _separator, call_id = text.partition("_")
    try:
        mark = Mark(datetime.fromisoformat(moment), uuid.UUID(call_id))
    except ValueError:
        return None
    return mark if text.isascii() and mark.requested_at.tzinfo else None
