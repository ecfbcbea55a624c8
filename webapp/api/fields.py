"""The types of the fields of bodies: how each is validated, and how the contract publishes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from webapp.api.contract import formats
from webapp.kernel.errors import Invalid
from webapp.kernel.money import InvalidAmount, parse_decimal
from webapp.transactions import identifiers, wording
from webapp.transactions.identifiers import Misspelt
from webapp.transactions.status_changes import required_reason


def spelled(read: Callable[[str], Any]) -> AfterValidator:
    """Validate with a function of `identifiers`, which returns the canonical spelling or raises Misspelt."""

    def validate(text: str) -> Any:
        try:
            return read(text)
        except Misspelt as error:
            raise PydanticCustomError(
                error.problem.value, "{sentence}", {"sentence": wording.misspelling(error.problem)}
            ) from None

    return AfterValidator(validate)


def _amount(value: Any) -> Any:
    """Read a decimal from a JSON string; a JSON number is refused, because it may be inexact."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise PydanticCustomError("amount", 'El monto se envía como texto, como "1234.56".')
    try:
        return parse_decimal(value.strip())
    except InvalidAmount as error:
        sentence = wording.amount_problem(error.problem)
        raise PydanticCustomError("amount", "{sentence}", {"sentence": sentence}) from None


def _day(value: Any) -> Any:
    if value is not None and not (
        isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII)
    ):
        raise PydanticCustomError("date_type", "Escriba la fecha como 2026-11-24.")
    return value


def _reason(text: str) -> str:
    try:
        return required_reason(text)
    except Invalid as error:
        (sentence,) = error.errors["reason"]
        raise PydanticCustomError("reason", "{sentence}", {"sentence": str(sentence)}) from None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema(formats.DAY)]
Text = Annotated[str, Field(strict=True, max_length=1000)]
Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(formats.AMOUNT),
]
FullName = Annotated[Text, spelled(identifiers.full_name), WithJsonSchema(formats.FULL_NAME)]
Phone = Annotated[Text, spelled(identifiers.phone), WithJsonSchema(formats.PHONE)]
NationalId = Annotated[Text, spelled(identifiers.national_id), WithJsonSchema(formats.NATIONAL_ID)]
Concept = Annotated[Text, spelled(identifiers.concept), WithJsonSchema(formats.CONCEPT)]
TransactionId = Annotated[
    Text, spelled(identifiers.transaction_id), WithJsonSchema(formats.TRANSACTION_ID)
]
Reference = Annotated[Text, WithJsonSchema(formats.REFERENCE)]
PayerBank = Annotated[Text, spelled(identifiers.payer_bank), WithJsonSchema(formats.PAYER_BANK)]
Reason = Annotated[
    str,
    Field(strict=True, max_length=2000),
    AfterValidator(_reason),
    WithJsonSchema(formats.REASON),
]
Email = Annotated[str, Field(strict=True, max_length=255), WithJsonSchema(formats.EMAIL)]
# White space around a password belongs to it, as on the pages.
Password = Annotated[
    str, Field(strict=True, max_length=1024), StringConstraints(strip_whitespace=False)
]
NewPassword = Annotated[Password, WithJsonSchema(formats.PASSWORD)]
# The service folds their white space; the length is checked before that.
PersonName = Annotated[
    str,
    Field(strict=True, max_length=255),
    StringConstraints(strip_whitespace=False),
    WithJsonSchema(formats.PERSON_NAME),
]
KeyName = Annotated[
    str,
    Field(strict=True, max_length=100),
    StringConstraints(strip_whitespace=False),
    WithJsonSchema(formats.KEY_NAME),
]
Id = Annotated[str, WithJsonSchema(formats.UUID)]
StoredAmount = Annotated[str, WithJsonSchema(formats.STORED_AMOUNT)]
