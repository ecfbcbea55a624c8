"""What routes respond with: models as JSON, and the conditions of the request that a response must respect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, make_response, request
from pydantic import BaseModel
from pydantic_core import to_json

from webapp.api.contract.operation import current_operation
from webapp.api.request_bodies import VersionMismatch
from webapp.web.error_pages import problem_response


def json_response(model: BaseModel, status: int = 200) -> Response:
    """Return a model as JSON."""
    return Response(model.model_dump_json(), status, content_type="application/json")


def stored_response(content: Mapping[str, Any]) -> Response:
    """Return what was read as JSON, spelled as a model of the same fields spells it."""
    return Response(to_json(content), content_type="application/json")


def respect_conditions(response: Response) -> Response:
    """Turn a success into 304 where If-None-Match names its ETag, into 412 where If-Match names another (RFC 9110, 13).

    Only for operations that are `conditional`.
    """
    operation = current_operation()
    if operation is None or not operation.conditional or response.status_code != 200:
        return response
    response.make_conditional(request.environ)
    if response.status_code == 412:
        return make_response(problem_response(VersionMismatch()))
    return response


def hide_from_caches(response: Response) -> Response:
    """Keep the success of an operation that shows a secret out of every cache."""
    operation = current_operation()
    if operation is not None and operation.shows_secret:
        response.headers["Cache-Control"] = "no-store"
    return response
