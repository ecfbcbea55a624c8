"""Problem details as models, for the contract and the results of a batch; `webapp.web.error_pages` writes them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from webapp.api.contract import formats


def _is_none(value: Any) -> bool:
    return value is None


class Holder(BaseModel):
    """The payment that already has the reference."""

    id: Annotated[str, WithJsonSchema(formats.UUID)]
    transaction_id: str
    created_by: str | None
    """The name of the user who logged it."""
    created_at: Annotated[str, WithJsonSchema(formats.MOMENT)]


class ProblemError(BaseModel):
    """One mistake in a request: where it is, in words for a person, and as a stable code."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra=formats.never_null("pointer", "parameter"),
    )

    pointer: Annotated[str | None, Field(exclude_if=_is_none)] = None
    """JSON Pointer (RFC 6901) into the body as it was sent, empty for the whole body; in a batch, into the item."""
    parameter: Annotated[str | None, Field(exclude_if=_is_none)] = None
    """The name of a parameter of the query, in place of `pointer`."""
    field: str
    """The same place with points between the levels: `customer.phone`."""
    detail: str
    code: str
    """Stable: docs/api-errors.md lists them."""


class FieldChange(BaseModel):
    """What became of one field of a payment since the version that was named."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    field: str
    """With points between the levels: `customer.phone`; `status` as well."""
    before: str | None
    after: str | None
    changed_by: str
    """Who changed it last, by name."""
    changed_at: Annotated[str, WithJsonSchema(formats.MOMENT)]


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). `code` is stable; `title` and `detail` are for people."""

    model_config = ConfigDict(
        extra="allow",
        use_attribute_docstrings=True,
        json_schema_extra=formats.never_null("errors", "holder", "changes"),
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    """As in `X-Request-ID`: name it when you ask for help."""
    errors: Annotated[list[ProblemError] | None, Field(exclude_if=_is_none)] = None
    """The mistakes, at most 50."""
    holder: Annotated[Holder | None, Field(exclude_if=_is_none)] = None
    """With `reference_taken`: the payment that has the reference."""
    changes: Annotated[list[FieldChange] | None, Field(exclude_if=_is_none)] = None
    """With `version_mismatch` of a payment: what changed since that version, where it is known field by field."""
