"""Errors of the domain: refusals that a person can understand, with a status and a stable code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.kernel.i18n import lazy_gettext as _l

FieldErrors = Mapping[str, list[str]]

MOST_PROBLEMS = 50
"""So many wrong fields are listed at once, so that a body full of mistakes does not get a larger answer."""
MOST_NAME = 100


@dataclass(frozen=True)
class FieldProblem:
    """One thing that is wrong with a request: where, in words, and as a stable code.

    `location` are the steps into the JSON body as it was sent, or the name of a query parameter.
    """

    location: tuple[str | int, ...]
    detail: str
    code: str = "invalid"
    in_query: bool = False

    def as_json(self) -> dict[str, str]:
        """Return it as `errors` shows it: with a JSON pointer (RFC 6901) for bodies, a name for queries."""
        steps = [str(step)[:MOST_NAME] for step in self.location]
        where = {"parameter": steps[-1]} if self.in_query else {"pointer": _pointer(steps)}
        return {
            **where,
            "field": ".".join(steps) or "body",
            "detail": self.detail,
            "code": self.code,
        }


def _pointer(steps: Sequence[str]) -> str:
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)


class DomainError(Exception):
    """A refusal that a person can understand: a sentence, a status and a stable code.

    `errors` holds sentences by field, `problems` the same with their places and codes; `extra` is
    shown to integrators beside the sentence.
    """

    status = 400
    code = "bad_request"
    sentence: Any = _l("No se pudo hacer lo que pidió.")

    def __init__(
        self,
        sentence: str | None = None,
        *,
        code: str | None = None,
        errors: FieldErrors | None = None,
        problems: Sequence[FieldProblem] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code or self.code)
        if sentence is not None:
            self.sentence = sentence
        if code is not None:
            self.code = code
        self.errors = dict(errors or {})
        self.problems = list(problems)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class StaleForm(DomainError):
    """The form belongs to another session, or to one that ended."""

    code = "stale_form"
    sentence = _l(
        "Este formulario venció o se abrió en otra sesión, y no se guardó nada. "
        "Vuelva a la página anterior, recárguela y envíelo de nuevo."
    )


class Malformed(DomainError):
    """The request cannot be read."""

    code = "malformed"
    sentence = _l("La solicitud no se puede leer.")


class NotSignedIn(DomainError):
    """Nobody is signed in, or the token is not valid."""

    status = 401
    code = "not_signed_in"
    sentence = _l("Inicie sesión para continuar.")


class Forbidden(DomainError):
    """The person is known and may not do this."""

    status = 403
    code = "forbidden"
    sentence = _l("Su usuario no tiene permiso para hacer esto.")


class NotFound(DomainError):
    """There is no such thing, or the person may not see it."""

    status = 404
    code = "not_found"
    sentence = _l("No encontramos lo que busca.")


class Conflict(DomainError):
    """The present state does not allow this."""

    status = 409
    code = "conflict"


class Invalid(DomainError):
    """Fields are wrong; `errors` says which and how they should look."""

    status = 422
    code = "invalid"
    sentence = _l("Revise los datos marcados.")


class TooManyRequests(DomainError):
    """A limit is reached; `Retry-After` says for how many seconds."""

    status = 429
    code = "too_many_requests"
    sentence = _l("Demasiadas solicitudes. Espere lo que dice Retry-After y vuelva a intentarlo.")

    def __init__(self, sentence: str | None = None, *, retry_after: int) -> None:
        super().__init__(sentence, headers={"Retry-After": str(retry_after)})


class ServiceUnavailable(DomainError):
    """Something that the product needs does not answer."""

    status = 503
    code = "unavailable"
    sentence = _l(
        "El sistema no tiene conexión con su base de datos. No se guardó nada; "
        "espere unos segundos y vuelva a intentarlo."
    )


class OutcomeUnknown(ServiceUnavailable):
    """The database went away while it was saving, or after it had saved a part of the request."""

    sentence = _l(
        "El sistema perdió la conexión con su base de datos y no sabemos si se guardó lo que envió. "
        "Espere unos segundos y búsquelo, o envíe lo mismo otra vez: un pago que se envía dos veces "
        "se guarda una sola vez."
    )
