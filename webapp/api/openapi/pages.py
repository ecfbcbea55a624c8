"""The contract as JSON, and the pages that show it: Swagger UI and ReDoc, served without a CDN."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict

from webapp.api.blueprint import bp
from webapp.api.contract.operation import operation
from webapp.api.openapi import document
from webapp.web.guard import public
from webapp.web.security import content_security_policy

pages = Blueprint("docs", __name__)


class Contract(BaseModel):
    """An OpenAPI document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    paths: dict[str, Any]


@bp.get("/openapi.json", endpoint="openapi", strict_slashes=False)
@public
@operation("getContract", "This document", tag="Contract", responses={200: Contract})
def contract() -> ResponseReturnValue:
    """Return the contract of this API, as OpenAPI 3.1."""
    return Response(document.text(current_app), content_type="application/json")


@pages.get("/docs", endpoint="swagger", strict_slashes=False)
@public
def swagger() -> ResponseReturnValue:
    """Show Swagger UI, where every operation can be tried with your own token."""
    return _page("swagger", scripts=("swagger-ui.js",), styles=("swagger-ui.css",))


@pages.get("/redoc", endpoint="redoc", strict_slashes=False)
@public
def redoc() -> ResponseReturnValue:
    """Show ReDoc, for reading."""
    return _page("redoc", scripts=("redoc.js",), styles=())


def _page(tool: str, *, scripts: tuple[str, ...], styles: tuple[str, ...]) -> Response:
    # Both tools use data: images, and ReDoc makes its style sheets by script: allowed on these pages alone, by a nonce.
    nonce = secrets.token_urlsafe(16)
    response = make_response(
        render_template("api/docs.html", tool=tool, scripts=scripts, styles=styles, nonce=nonce)
    )
    response.headers["Content-Security-Policy"] = content_security_policy(
        **{"style-src": f"'self' 'nonce-{nonce}'", "img-src": "'self' data:"}
    )
    return response
