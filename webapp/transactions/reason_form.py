"""The form of a decision, a deletion or a reopening: a reason, and the version of the payment that was read."""

from __future__ import annotations

from collections.abc import Iterable

from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, RadioField, TextAreaField
from wtforms.validators import Optional
from wtforms.widgets import HiddenInput

from webapp.kernel.errors import DomainError
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.transactions.versions import UNSEEN


class ReasonForm(FlaskForm):
    """A decision, a deletion or a reopening, with its mandatory reason."""

    decision = HiddenField()
    reason = TextAreaField(
        _l("Motivo"), description=_l("Queda en el historial, con su nombre y la hora")
    )
    version = IntegerField(validators=[Optional()], widget=HiddenInput())
    movement = RadioField(
        _l("¿Cuál es el movimiento de este pago?"), choices=[], validate_choice=False
    )

    def bind_to(self, version: int, movements: Iterable[tuple[str, str]] = ()) -> None:
        """Attach the version and the candidate movements of the payment that is shown."""
        self.version.raw_data, self.version.data = None, version
        self.movement.choices = list(movements)

    def seen_version(self) -> int:
        """Return the version of the payment that the person read, or UNSEEN where the form names none."""
        version: int | None = self.version.data
        return UNSEEN if version is None else version

    def refuse(self, refusal: DomainError) -> list[str]:
        """Show beside the reason why nothing was done, and return those sentences."""
        sentences = refusal.errors.get("reason") or [str(refusal.sentence)]
        self.reason.errors = sentences
        return sentences
