"""The query of a request, read strictly: its parameters, pages, and cursors that stay in place when rows are added."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import urlencode

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeSerializer

from webapp.api import request_bodies
from webapp.api.contract.operation import CURSOR, NUMBERING, current_operation
from webapp.api.request_bodies import Model
from webapp.kernel.config import Settings
from webapp.kernel.errors import FieldProblem, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.transactions.filtering import Filter
from webapp.transactions.queries import Place

MAX_SIZE = 100
DEFAULT_SIZE = 20
MAX_OFFSET = 10_000_000

FILTERS = frozenset(field.name for field in dataclass_fields(Filter))
PAGING = NUMBERING | {CURSOR}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wrong_parameter(name: str, sentence: str, code: str = "invalid") -> Invalid:
    """Return the refusal of one parameter of the query."""
    return Invalid(problems=[FieldProblem((name,), sentence, code, in_query=True)])


def check_parameters() -> None:
    """Refuse parameters of the query that the operation does not declare, or that stand twice. Raises Invalid."""
    operation = current_operation()
    if operation is None or not request.args:
        return
    known = operation.parameters
    problems = [
        FieldProblem((name,), _("Este parámetro no existe."), "unknown_parameter", in_query=True)
        for name in request.args
        if name not in known
    ] + [
        FieldProblem((name,), _("Este parámetro está dos veces."), "repeated", in_query=True)
        for name, values in request.args.lists()
        if name in known and len(values) > 1
    ]
    if problems:
        raise Invalid(problems=problems)


@dataclass(frozen=True)
class Part:
    """A part of a list: the rows from `offset` on, or those after a cursor's place."""

    size: int
    offset: int = 0
    by_cursor: bool = False
    place: Place | None = None


def requested_part(narrowing: Filter) -> Part:
    """Return the part that page/size, limit/offset or cursor/size name. Raises Invalid."""
    given = request.args.keys() & PAGING
    for one, other in (("page", "offset"), ("size", "limit"), ("cursor", "page")):
        if {one, other} <= given:
            raise _contradiction(one, other)
    size = _whole_number("limit" if "limit" in given else "size", DEFAULT_SIZE, 1, MAX_SIZE)
    if "cursor" in given:
        if "offset" in given:
            raise _contradiction("cursor", "offset")
        return Part(size, by_cursor=True, place=_place_of(request.args["cursor"], narrowing))
    if "offset" in given:
        return Part(size, offset=_whole_number("offset", 0, 0, MAX_OFFSET))
    return Part(size, offset=(_whole_number("page", 1, 1, MAX_OFFSET // size) - 1) * size)


def requested_page() -> tuple[int, int]:
    """Return offset and size of the requested page of a list without cursors. Raises Invalid."""
    part = requested_part(Filter())
    return part.offset, part.size


def query(model: type[Model]) -> Model:
    """Read the parameters of the query into a model; empty ones count as not given. Raises Invalid."""
    given = {name: value for name, value in request.args.items() if value.strip()}
    try:
        return request_bodies.validated(model, given)
    except Invalid as invalid:
        found = [replace(problem, in_query=True) for problem in invalid.problems]
        raise Invalid(problems=found) from None


def _contradiction(one: str, other: str) -> Invalid:
    sentence = _("%(one)s y %(other)s no van juntos: use uno.", one=one, other=other)
    return wrong_parameter(other, sentence, "contradictory")


def _whole_number(name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        sentence = _("Debe ser un número de %(least)s a %(most)s.", least=least, most=most)
        raise wrong_parameter(name, sentence, "out_of_range")
    return int(text)


def cursor_after(place: Place, narrowing: Filter) -> str:
    """Write a place as a signed text that is valid for this filter only."""
    moment = (place.created_at - _EPOCH) // timedelta(microseconds=1)
    return str(_signer().dumps([moment, place.row_id.hex, _filter_digest(narrowing)]))


def _place_of(cursor: str, narrowing: Filter) -> Place | None:
    """Read the place of a cursor; an empty cursor is the place before the first row. Raises Invalid."""
    if not cursor:
        return None
    try:
        moment, row_id, digest = _signer().loads(cursor)
    except BadData:
        sentence = _("Este cursor no es válido. Empiece de nuevo.")
        raise wrong_parameter("cursor", sentence, "bad_cursor") from None
    if digest != _filter_digest(narrowing):
        sentence = _("Este cursor es de otro filtro. Empiece de nuevo.")
        raise wrong_parameter("cursor", sentence, "cursor_of_other_filter")
    return Place(_EPOCH + timedelta(microseconds=moment), uuid.UUID(row_id))


def _signer() -> URLSafeSerializer:
    settings: Settings = current_app.config["SETTINGS"]
    return _signer_with(tuple(reversed(settings.signing_keys)))


@lru_cache(maxsize=10)
def _signer_with(keys: tuple[str, ...]) -> URLSafeSerializer:
    return URLSafeSerializer([*keys], salt="cursor")


@lru_cache(maxsize=200)
def _filter_digest(narrowing: Filter) -> str:
    return hashlib.sha256(repr(astuple(narrowing)).encode()).hexdigest()[:16]


def link_next(response: Response, cursor: str | None, size: int) -> Response:
    """Add `Link: rel="next"` (RFC 8288) with the same filter and the cursor, where there is one."""
    if cursor is not None:
        kept: Mapping[str, str] = {
            name: value for name, value in request.args.items() if name in FILTERS and value
        }
        query = urlencode({**kept, "size": size, "cursor": cursor})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response
