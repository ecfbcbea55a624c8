"""Form fields that more than one feature needs."""

from __future__ import annotations

import re
from datetime import date

from wtforms import DateField

from webapp.kernel.i18n import gettext as _


class DayField(DateField):
    """A day as browsers send it, with a sentence of ours for anything else."""

    data: date | None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read `YYYY-MM-DD`. Raises ValueError with a sentence for anything else."""
        if valuelist and not valuelist[0].strip():
            self.data = None
            return
        try:
            if valuelist and not re.fullmatch(r"\d{4}-\d\d-\d\d", valuelist[0].strip(), re.ASCII):
                raise ValueError
            super().process_formdata(valuelist)
        except ValueError:
            self.data = None
            raise ValueError(_("No parece una fecha. Elija un día del calendario.")) from None
