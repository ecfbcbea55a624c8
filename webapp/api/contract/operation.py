"""`@operation`: what a view of the API takes and answers. The contract publishes it, and the requests are held to it.

What a route declares otherwise says the rest: its permission, its ids and its body bring their own refusals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from flask import current_app, request
from pydantic import BaseModel

View = TypeVar("View", bound=Callable[..., Any])
Responses = Mapping[int, "type[BaseModel] | tuple[type[BaseModel], ...] | None"]
NUMBERING = frozenset({"page", "size", "limit", "offset"})
"""Parameters of the query that choose a part of a list by numbers."""
CURSOR = "cursor"
"""The parameter that goes on where an earlier part of the list ended."""


@dataclass(frozen=True)
class Operation:
    """What a view takes and answers; as a decorator, `@operation(...)` declares it of the view."""

    operation_id: str
    summary: str
    _: KW_ONLY
    tag: str
    responses: Responses
    """Statuses and the model of each body, several where it has one of several shapes; None: no body, or a refusal."""
    body: type[BaseModel] | None = None
    body_required: bool = True
    max_body: int | None = None
    """Bytes that the body may have, where they are not the usual number."""
    query: type[BaseModel] | None = None
    """Its fields are parameters of the query; a parameter that is not declared is refused."""
    paged: bool = False
    """Takes `page` and `size`, or `limit` and `offset`."""
    cursored: bool = False
    """Takes `cursor` beside them."""
    codes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """The codes of docs/api-errors.md by status, where they are not the refusal's usual one."""
    response_headers: tuple[str, ...] = ()
    """Headers of a success, beside those of every response."""
    limited_by: Callable[[Any], Any] | None = None
    """The limit on attempts that the view stands under: its headers are on every response."""
    sheet: str | None = None
    """An example of the sheet, where a success is `text/csv`."""
    conditional: bool = False
    """If-None-Match is answered with 304."""
    versioned: bool = False
    """If-Match is respected."""
    idempotent: bool = False
    """Idempotency-Key is respected."""
    lease: timedelta | None = None
    """How long an attempt may hold its Idempotency-Key, where it is not the usual time."""
    shows_secret: bool = False
    """A success shows a secret, this once: it is neither cached nor kept for an Idempotency-Key."""

    def __call__(self, view: View) -> View:
        """Note this on the view, under its limit."""
        limited: View = self.limited_by(view) if self.limited_by else view
        limited.__operation__ = self  # type: ignore[attr-defined]
        return limited

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the parameters that the query may have."""
        names = {*self.query.model_fields} if self.query else set()
        names |= NUMBERING if self.paged else set()
        names |= {CURSOR} if self.cursored else set()
        return frozenset(names)


operation = Operation
"""`Operation` as a decorator is written."""


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """Return what a view declares, or None where it declares nothing."""
    found: Operation | None = getattr(view, "__operation__", None)
    return found


def current_operation() -> Operation | None:
    """Return what the view of the current request declares; None outside the API's routes."""
    if request.endpoint is None:
        return None
    return operation_of(current_app.view_functions[request.endpoint])
