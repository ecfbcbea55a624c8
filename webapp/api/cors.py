"""Cross-origin requests: pages of other sites may call the API only where ALLOWED_ORIGINS names them.

ALLOWED_METHODS and ALLOWED_HEADERS narrow what they may send. Every caller brings a bearer token, so no response
allows credentials.
"""

from __future__ import annotations

from flask import Flask, Response, current_app, request
from werkzeug.datastructures import HeaderSet

from webapp.kernel.config import Settings
from webapp.web.error_pages import wants_json

READ_HEADERS = (
    "Accept",
    "Accept-Language",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-ID",
)
"""The request headers that the API reads, which `ALLOWED_HEADERS=*` allows."""
EXPOSED_HEADERS = (
    "Content-Disposition, ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, "
    "Retry-After, X-Request-ID"
)
PREFLIGHT_SECONDS = 600
"""How long browsers may remember the response to a preflight request."""


def init_app(app: Flask, settings: Settings) -> None:
    """Respond to OPTIONS before a token is asked for, and add the headers for allowed origins to every response."""

    @app.before_request
    def respond_to_options() -> Response | None:
        if request.method != "OPTIONS" or not wants_json() or request.url_rule is None:
            return None
        return _preflight(settings)

    @app.after_request
    def add_headers(response: Response) -> Response:
        if wants_json() and settings.allowed_origins:
            _share(response, settings)
        return response


def _preflight(settings: Settings) -> Response:
    """Return the response to OPTIONS, which allows what the route knows and the settings allow."""
    response = current_app.make_default_options_response()
    response.status_code = 204
    wanted = request.headers.get("Access-Control-Request-Method")
    if wanted:
        response.vary.update(("Access-Control-Request-Method", "Access-Control-Request-Headers"))
    methods, origin = _allowed_methods(response, settings), _allowed_origin(settings)
    if wanted in methods and origin:
        response.access_control_allow_methods = HeaderSet(methods)
        response.access_control_allow_headers = HeaderSet(_allowed_headers(settings))
        response.access_control_max_age = PREFLIGHT_SECONDS
        response.access_control_allow_origin = origin
    return response


def _share(response: Response, settings: Settings) -> None:
    """Let pages of an allowed origin read the response."""
    if "*" not in settings.allowed_origins:
        response.vary.add("Origin")
    origin = _allowed_origin(settings)
    method = "GET" if request.method == "HEAD" else request.method
    if origin and method != "OPTIONS" and method in settings.allowed_methods:
        response.access_control_allow_origin = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS


def _allowed_origin(settings: Settings) -> str | None:
    """Return the value of Access-Control-Allow-Origin for this request, or None where its origin is not allowed."""
    origin = request.headers.get("Origin")
    if not origin:
        return None
    if "*" in settings.allowed_origins:
        return "*"
    known = {allowed.lower() for allowed in settings.allowed_origins}
    return origin if origin.lower() in known else None


def _allowed_methods(response: Response, settings: Settings) -> list[str]:
    """Return the methods that the route knows and the settings allow."""
    return sorted(method for method in response.allow or () if method in settings.allowed_methods)


def _allowed_headers(settings: Settings) -> list[str]:
    """Return those of the request's headers, as the preflight names them, that are allowed."""
    allowed = READ_HEADERS if "*" in settings.allowed_headers else settings.allowed_headers
    lowered = {name.lower() for name in allowed}
    asked = request.headers.get("Access-Control-Request-Headers", "")
    names = (name.strip() for name in asked.split(","))
    return [name for name in names if name.lower() in lowered]
