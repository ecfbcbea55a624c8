"""The parameters of queries: models that document them, and the filter of lists as the pages read it."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated

from flask import request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from webapp.api.contract import formats
from webapp.api.fields import NationalId, Phone, Reason, spelled
from webapp.banking.gateway import BankType, TransactionType
from webapp.kernel.errors import Invalid
from webapp.transactions import filtering, identifiers
from webapp.transactions.filtering import Filter
from webapp.transactions.lifecycle import Status

Reference = Annotated[
    str,
    spelled(lambda text: identifiers.reference(text, (1, 20))),
    WithJsonSchema(formats.REFERENCE),
]
Search = Annotated[
    str,
    Field(
        max_length=identifiers.NAME_LENGTH[1],
        pattern=r"^[^\u0000]*$",
        description="The beginnings of the words of a name, a whole reference or transaction_id, or at least the last "
        "four digits of a reference.",
        examples=["rosa vill"],
    ),
]


class TransactionFilter(BaseModel):
    """What a list is narrowed to, for the contract; `filtering` reads it, as it does for the pages."""

    status: Status | None = None
    reference: Reference | None = None
    phone: Phone | None = None
    from_date: date | None = None
    to_date: date | None = None
    bank: BankType | None = None
    transaction_type: TransactionType | None = None
    national_id: NationalId | None = None
    q: Search | None = None
    created_by: uuid.UUID | None = Field(
        default=None, description="The id of the user who logged the payment."
    )


class DeletionQuery(BaseModel):
    """The reason of a deletion, for programs that send no body with a DELETE."""

    model_config = ConfigDict(extra="ignore")

    reason: Reason = ""


def filters() -> Filter:
    """Return the filter of the query. Raises Invalid for what makes no sense."""
    wanted, problems = filtering.read(request.args)
    if problems:
        raise Invalid(problems=problems)
    return wanted
