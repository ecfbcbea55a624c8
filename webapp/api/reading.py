"""Requests of programs, read strictly: bodies into models, queries into filters, versions into numbers."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from webapp.errors import DomainError, Invalid, Malformed
from webapp.words import gettext as _

Model = TypeVar("Model", bound=BaseModel)

MAX_SIZE = 100
DEFAULT_SIZE = 20
MAX_OFFSET = MAX_PAGE = 10_000_000


def body(model: type[Model]) -> Model:
    """The JSON body as a model. Raises Malformed (400), 415, or Invalid with sentences by field."""
    if not request.is_json:
        raise UnsupportedMediaType()
    content = request.get_json(silent=True)
    if not isinstance(content, dict):
        raise Malformed(_("El cuerpo debe ser un objeto JSON."))
    return validated(model, content)


def optional_body(model: type[Model]) -> Model:
    """As `body`, where the request may come without one."""
    return body(model) if request.content_length else validated(model, {})


def validated(model: type[Model], content: Any) -> Model:
    """The content as a model. Raises Invalid with sentences by field."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise Invalid(errors=_sentences(error)) from None


def _sentences(error: ValidationError) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"]) or "body"
        found.setdefault(field, []).append(_sentence(problem["type"], problem["msg"]))
    return found


def _sentence(kind: str, message: str) -> str:
    known = {
        "missing": _("Falta este dato."),
        "extra_forbidden": _("Este campo no existe."),
        "enum": _("Elija una de las opciones."),
        "string_type": _("Debe ser un texto."),
        "date_from_datetime_parsing": _("Escriba la fecha como 2026-11-24."),
        "date_parsing": _("Escriba la fecha como 2026-11-24."),
        "date_type": _("Escriba la fecha como 2026-11-24."),
        "string_too_long": _("El texto es demasiado largo."),
        "string_pattern_mismatch": _("El texto tiene caracteres que no se admiten."),
    }
    return known.get(kind, message)


def query(model: type[Model]) -> Model:
    """The query as a model. Raises Invalid with sentences by field."""
    return validated(model, request.args.to_dict())


def page_and_size() -> tuple[int, int]:
    """Offset and size of the page asked for, by page/size or by limit/offset. Raises Invalid."""
    size = _number(
        "size", default=_number("limit", default=DEFAULT_SIZE, most=MAX_SIZE), most=MAX_SIZE
    )
    page = _number("page", default=1, most=MAX_PAGE)
    offset = _number("offset", default=0, least=0, most=MAX_OFFSET)
    by_offset = "offset" in request.args or "limit" in request.args
    return (offset if by_offset else (page - 1) * size), size


def _number(name: str, *, default: int, least: int = 1, most: int) -> int:
    text = request.args.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        sentence = _("Debe ser un número de %(least)s a %(most)s.", least=least, most=most)
        raise Invalid(errors={name: [sentence]})
    return int(text)


class VersionMismatch(DomainError):
    """If-Match names another version than the one that stands."""

    status = 412
    code = "version_mismatch"


def expected_version() -> int | None:
    """The version that If-Match names; None without it, or for `*`. Raises VersionMismatch."""
    given = request.headers.get("If-Match", "").strip()
    if given in ("", "*"):
        return None
    found = re.fullmatch(r'(?:W/)?"(\d{1,9})"', given, re.ASCII)
    if not found:
        raise VersionMismatch(_("El pago cambió desde que lo leyó. Léalo de nuevo."))
    return int(found[1])
