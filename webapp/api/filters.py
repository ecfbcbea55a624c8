"""The query of a list, read strictly: the same model validates it and documents it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from webapp.api import formats
from webapp.api.fields import AnyDay, NationalId, Phone, Reason, spelled
from webapp.banking.gateway import BankType, TransactionType
from webapp.transactions import identifiers
from webapp.transactions.lifecycle import Status
from webapp.transactions.queries import Filter
from webapp.words import gettext as _

Reference = Annotated[
    str,
    spelled(lambda text: identifiers.reference(text, (1, 20))),
    WithJsonSchema(formats.REFERENCE),
]
Search = Annotated[
    str,
    Field(
        max_length=identifiers.NAME_LENGTH[1],
        pattern=r"^[^\x00]*$",
        description="The beginnings of the words of a name, or a whole reference or transaction_id.",
        examples=["rosa vill"],
    ),
]


def _filled(given: Any) -> Any:
    """What was given a value."""
    return {name: text for name, text in dict(given).items() if str(text).strip()}


class TransactionFilter(BaseModel):
    """What a list is narrowed to; an empty value narrows nothing. Other names are left alone."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    status: Status | None = None
    reference: Reference | None = None
    phone: Phone | None = None
    from_date: AnyDay | None = None
    to_date: AnyDay | None = None
    bank: BankType | None = None
    transaction_type: TransactionType | None = None
    national_id: NationalId | None = None
    q: Search | None = None

    _without_empty = model_validator(mode="before")(_filled)

    @field_validator("to_date")
    @classmethod
    def _possible(cls, day: date | None, info: ValidationInfo) -> date | None:
        sentence = ""
        if day and info.data.get("from_date") and day < info.data["from_date"]:
            sentence = _("«Hasta» no puede ser anterior a «Desde».")
        if day == date.max:
            sentence = _("Esa fecha no existe en el calendario de pagos.")
        if sentence:
            raise PydanticCustomError("to_date", "{sentence}", {"sentence": sentence})
        return day

    def wanted(self) -> Filter:
        """The filter in canonical spelling."""
        return Filter(**self.model_dump())


class DeletionQuery(BaseModel):
    """The reason of a deletion, for programs that send no body with a DELETE."""

    reason: Reason = ""

    _without_empty = model_validator(mode="before")(_filled)
