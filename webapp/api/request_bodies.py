"""Bodies of requests, read strictly into models, and the version that If-Match names."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from webapp.kernel.errors import MOST_PROBLEMS, DomainError, FieldProblem, Invalid, Malformed
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.transactions.identifiers import Problem

Model = TypeVar("Model", bound=BaseModel)

_DAY = _l("Escriba la fecha como 2026-11-24.")
_MISTAKES = {
    "missing": ("missing", _l("Falta este dato.")),
    "extra_forbidden": ("unknown_field", _l("Este campo no existe.")),
    "enum": ("not_an_option", _l("Elija una de las opciones.")),
    "literal_error": ("not_an_option", _l("Elija una de las opciones.")),
    "string_type": ("not_a_string", _l("Debe ser un texto.")),
    "string_unicode": ("not_a_string", _l("Debe ser un texto.")),
    "bool_type": ("not_a_boolean", _l("Debe ser true o false.")),
    "bool_parsing": ("not_a_boolean", _l("Debe ser true o false.")),
    "model_type": ("not_an_object", _l("Debe ser un objeto JSON.")),
    "model_attributes_type": ("not_an_object", _l("Debe ser un objeto JSON.")),
    "dict_type": ("not_an_object", _l("Debe ser un objeto JSON.")),
    "list_type": ("not_a_list", _l("Debe ser una lista.")),
    "too_short": ("too_few", _l("La lista está vacía.")),
    "too_long": ("too_many", _l("La lista es demasiado larga.")),
    "date_from_datetime_parsing": ("date", _DAY),
    "date_parsing": ("date", _DAY),
    "date_type": ("date", _DAY),
    "string_too_short": ("too_short", _l("El texto es demasiado corto.")),
    "string_too_long": ("too_long", _l("El texto es demasiado largo.")),
}
"""The stable code and the sentence of each kind of mistake that pydantic finds."""


def body(model: type[Model]) -> Model:
    """Read the JSON body into a model. Raises Malformed (400), UnsupportedMediaType (415), or Invalid by field."""
    if not request.is_json:
        raise UnsupportedMediaType()
    content = request.get_json(silent=True)
    if not isinstance(content, dict):
        raise Malformed(_("El cuerpo debe ser un objeto JSON."))
    return validated(model, content)


def optional_body(model: type[Model]) -> Model:
    """Read the JSON body into a model, or an empty object where there is none. Raises what `body` raises."""
    return body(model) if request.get_data() else validated(model, {})


def validated(model: type[Model], content: Any) -> Model:
    """Validate the content as a model. Raises Invalid with a sentence, a place and a code for each mistake."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [_problem(found) for found in error.errors(include_url=False)[:MOST_PROBLEMS]]
        raise Invalid(problems=problems) from None


def _problem(found: Any) -> FieldProblem:
    code, sentence = code_and_sentence(found["type"], found["msg"])
    return FieldProblem(tuple(found["loc"]), sentence, code)


def code_and_sentence(kind: str, message: str) -> tuple[str, str]:
    """Return the stable code and the sentence of one mistake that pydantic found."""
    if kind in _MISTAKES:
        code, sentence = _MISTAKES[kind]
        return code, str(sentence)
    if kind == "reason":
        return "invalid", message
    # Our own validators bring a sentence; other messages are pydantic's, in English.
    own = kind == "amount" or kind in set(Problem)
    return (kind, message) if own else ("invalid", _("Este dato no es válido."))


class VersionMismatch(DomainError):
    """If-Match names another version than the present one."""

    status = 412
    code = "version_mismatch"
    sentence = _l("El pago cambió desde que lo leyó. Léalo de nuevo.")


def expected_version(current: int) -> int | None:
    """Return the version that the row must still have when it is changed; None without If-Match, or for `*`.

    `current` is the version that was read. Raises VersionMismatch where If-Match does not name it.
    """
    if "If-Match" not in request.headers:
        return None
    if request.if_match.star_tag:
        return None
    if str(current) not in named_versions():
        raise VersionMismatch()
    return current


def named_versions() -> set[str]:
    """Return the versions that the tags of If-Match name."""
    # Weak tags count as well: proxies that compress make them weak.
    tags = request.if_match.as_set(include_weak=True)
    return {tag.partition("-")[0] for tag in tags if tag}
