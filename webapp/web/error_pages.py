"""Turn every error into a response that its reader understands: a page, or problem+json for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import structlog
from flask import Flask, g, has_request_context, json, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from psycopg2 import errors as pg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from webapp.kernel.database import db
from webapp.kernel.errors import (
    MOST_PROBLEMS,
    DomainError,
    FieldProblem,
    OutcomeUnknown,
    ServiceUnavailable,
    StaleForm,
)
from webapp.kernel.i18n import gettext as _
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.kernel.server_watch import CommitCut

log = structlog.get_logger(__name__)

ErrorHandler = Callable[[Any], ResponseReturnValue]

HTTP_SENTENCES = {
    400: _l("La solicitud no se puede leer."),
    404: _l("Esta página no existe o ya no está aquí."),
    405: _l("Esta acción no se puede pedir de esa manera."),
    408: _l("La solicitud tardó demasiado en llegar."),
    413: _l("Lo que envió es demasiado grande."),
    415: _l("El contenido no tiene el formato esperado."),
    429: _l("Demasiados intentos. Espere unos minutos y vuelva a intentarlo."),
}
HTTP_CODES = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}
TITLES = {
    400: _l("No se pudo leer la solicitud"),
    401: _l("Sesión no iniciada"),
    403: _l("Sin permiso"),
    404: _l("No encontrado"),
    405: _l("Acción no válida"),
    409: _l("No se pudo guardar"),
    412: _l("Cambió mientras tanto"),
    413: _l("Demasiado grande"),
    415: _l("Formato no admitido"),
    422: _l("Datos por corregir"),
    429: _l("Demasiados intentos"),
    500: _l("Algo falló de nuestro lado"),
    503: _l("Fuera de servicio por un momento"),
}


def wants_json() -> bool:
    """Tell whether a program makes the current request, which gets problem+json instead of a page."""
    return is_for_programs(request.path)


def is_for_programs(path: str) -> bool:
    """Tell whether a path is the API's: everything under /api."""
    return path == "/api" or path.startswith("/api/")


def error_response(error: DomainError) -> ResponseReturnValue:
    """Render the error as a page, or as problem details for programs."""
    if wants_json():
        return problem_response(error)
    g.is_error_page = True
    body = render_template(
        "errors/error.html",
        status=error.status,
        title=str(TITLES.get(error.status, TITLES[400])),
        sentence=str(error.sentence),
        actions=[(_("Ir al inicio"), "/"), (_("Ver los pagos"), "/transactions")],
        request_id=g.get("request_id", ""),
        # Who may not see this page may see no other; at a shared desk somebody else must be able to sign in.
        sign_out_url=url_for("accounts.logout") if error.status == 403 and g.get("actor") else None,
    )
    return body, error.status, error.headers


def problem_response(error: DomainError) -> ResponseReturnValue:
    """Render the error as problem details (RFC 9457)."""
    headers = {**error.headers, "Content-Type": "application/problem+json"}
    return json.dumps(problem_content(error)), error.status, headers


def problem_content(error: DomainError) -> dict[str, Any]:
    """Return the members of the problem details; their codes are documented in docs/api-errors.md."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": str(TITLES.get(error.status, TITLES[400])),
        "status": error.status,
        "detail": str(error.sentence),
        "code": error.code,
        "request_id": g.get("request_id", ""),
        **error.extra,
    }
    problems = [item.as_json() for item in (*error.problems, *_field_problems(error))]
    if problems:
        content["errors"] = problems[:MOST_PROBLEMS]
    return content


def _field_problems(error: DomainError) -> Iterator[FieldProblem]:
    for field, sentences in error.errors.items():
        for sentence in sentences:
            yield FieldProblem(tuple(field.split(".")), str(sentence))


def _from_http(error: HTTPException) -> DomainError:
    status = error.code or 500
    result = DomainError(
        HTTP_SENTENCES.get(status, HTTP_SENTENCES[400]),
        code=HTTP_CODES.get(status, f"http_{status}"),
    )
    result.status = status
    skip = ("content-type", "content-length")
    result.headers = {
        name: value for name, value in error.get_headers() if name.lower() not in skip
    }
    return result


def _is_outage(error: DBAPIError) -> bool:
    """Tell whether the server is away or frozen, as opposed to a mistake of ours."""
    if isinstance(error.orig, pg.DataError):
        return False
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated


def _may_have_saved(error: DBAPIError | PoolTimeout) -> bool:
    """Return whether some of what the request was to write may be in the database."""
    was_cut = isinstance(getattr(error, "orig", None), CommitCut)
    return request.method not in ("GET", "HEAD") and (was_cut or "has_committed" in g)


def _note_commit(_session: object) -> None:
    if has_request_context():
        g.has_committed = True


def _stale_form(_error: CSRFError) -> ResponseReturnValue:
    return error_response(StaleForm())


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is not None and error.code < 400:
        return error.get_response()
    return error_response(_from_http(error))


def _database_error(error: DBAPIError | PoolTimeout) -> ResponseReturnValue:
    if isinstance(error, PoolTimeout) or _is_outage(error):
        log.error("database_unavailable", kind=type(error).__name__)
        kind = OutcomeUnknown if _may_have_saved(error) else ServiceUnavailable
        return error_response(kind(headers={"Retry-After": "5"}))
    return _unexpected_error(error)


def _unexpected_error(error: Exception) -> ResponseReturnValue:
    log.error("unhandled_error", exc_info=error)
    failure = DomainError(
        _(
            "No fue culpa suya. El error quedó registrado; vuelva a intentarlo y, si se repite, "
            "dé este número a soporte: %(request_id)s",
            request_id=g.get("request_id", ""),
        ),
        code="internal_error",
    )
    failure.status = 500
    return error_response(failure)


HANDLERS: tuple[tuple[type[Exception], ErrorHandler], ...] = (
    (DomainError, error_response),
    (CSRFError, _stale_form),
    (HTTPException, _http_error),
    (PoolTimeout, _database_error),
    (DBAPIError, _database_error),
    (Exception, _unexpected_error),
)
"""What answers each kind of error; Flask takes the nearest kind."""


def init_app(app: Flask) -> None:
    """Register the handlers, and remember in each request whether it has committed."""
    if not event.contains(db.session, "after_commit", _note_commit):
        event.listen(db.session, "after_commit", _note_commit)
    for kind, handler in HANDLERS:
        app.register_error_handler(kind, handler)
