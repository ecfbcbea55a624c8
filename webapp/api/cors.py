"""Which other sites' pages may call the API (ALLOWED_ORIGINS, ALLOWED_METHODS, ALLOWED_HEADERS): none unless set.

Programs and pages alike bring a bearer token, so no answer ever allows credentials.
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
"""The request headers that the API reads: what `ALLOWED_HEADERS=*` allows."""
EXPOSED = (
    "Content-Disposition, ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, "
    "Retry-After, X-Request-ID"
)
PREFLIGHT_SECONDS = 600


def init_app(app: Flask, settings: Settings) -> None:
    """Answer OPTIONS before anybody asks for a token, and mark the answers for allowed origins."""
    names = settings.allowed_headers
    permitted = {name.lower() for name in (READ_HEADERS if "*" in names else names)}

    @app.before_request
    def options() -> Response | None:
        if request.method != "OPTIONS" or not wants_json() or request.url_rule is None:
            return None
        response = current_app.make_default_options_response()
        response.status_code = 204
        wanted = request.headers.get("Access-Control-Request-Method")
        if wanted:
            response.vary.update(
                ("Access-Control-Request-Method", "Access-Control-Request-Headers")
            )
        methods, origin = _methods(response, settings), _allowed(settings)
        if wanted in methods and origin:
            response.access_control_allow_methods = HeaderSet(methods)
            response.access_control_allow_headers = HeaderSet(_asked_headers(permitted))
            response.access_control_max_age = PREFLIGHT_SECONDS
            response.access_control_allow_origin = origin
        return response

    @app.after_request
    def mark(response: Response) -> Response:
        if not wants_json() or not settings.allowed_origins:
            return response
        if "*" not in settings.allowed_origins:
            response.vary.add("Origin")
        origin = _allowed(settings)
        if origin and request.method != "OPTIONS" and _method() in settings.allowed_methods:
            response.access_control_allow_origin = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response


def _allowed(settings: Settings) -> str | None:
    """What Access-Control-Allow-Origin should say to whoever asks, if anything."""
    origin = request.headers.get("Origin")
    if not origin:
        return None
    if "*" in settings.allowed_origins:
        return "*"
    known = {allowed.lower() for allowed in settings.allowed_origins}
    return origin if origin.lower() in known else None


def _method() -> str:
    return "GET" if request.method == "HEAD" else request.method


def _methods(response: Response, settings: Settings) -> list[str]:
    """What the route can do and the settings allow."""
    return sorted(method for method in response.allow or () if method in settings.allowed_methods)


def _asked_headers(permitted: set[str]) -> list[str]:
    asked = request.headers.get("Access-Control-Request-Headers", "")
    names = (name.strip() for name in asked.split(","))
    return [name for name in names if name.lower() in permitted]
