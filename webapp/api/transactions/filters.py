"""The parameters of queries as models: they document, and all but the first read as well."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from flask import request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from webapp.api import paging
from webapp.api.contract import formats
from webapp.api.fields import NationalId, Phone, Reason, spelled
from webapp.banking.gateway import BankType, TransactionType
from webapp.kernel.errors import FieldProblem, Invalid
from webapp.transactions import identifiers
from webapp.transactions.forms import FilterForm
from webapp.transactions.lifecycle import Status
from webapp.transactions.queries import Filter

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
        description="The beginnings of the words of a name, or a whole reference or transaction_id.",
        examples=["rosa vill"],
    ),
]


class TransactionFilter(BaseModel):
    """What a list is narrowed to, for the contract; `listing.filters` reads it with the pages' form."""

    status: Status | None = None
    reference: Reference | None = None
    phone: Phone | None = None
    from_date: date | None = None
    to_date: date | None = None
    bank: BankType | None = None
    transaction_type: TransactionType | None = None
    national_id: NationalId | None = None
    q: Search | None = None


class DeletionQuery(BaseModel):
    """The reason of a deletion, for programs that send no body with a DELETE."""

    model_config = ConfigDict(extra="ignore")

    reason: Reason = ""


def filters() -> Filter:
    """The filter of the query. Raises Invalid for what makes no sense."""
    form = FilterForm(request.args)
    if not form.validate():
        codes = _codes()
        raise Invalid(
            problems=[
                FieldProblem((name,), str(sentence), codes.get(name, "invalid"), in_query=True)
                for name, sentences in form.errors.items()
                for sentence in sentences
            ]
        )
    return form.wanted()


def _codes() -> dict[str, str]:
    """The stable codes of what the contract's model of the filter finds wrong, by parameter."""
    try:
        paging.query(TransactionFilter)
    except Invalid as invalid:
        return {str(problem.location[0]): problem.code for problem in invalid.problems}
    return {}
