"""What every answer carries to protect the browser (ERD 13.1), cookies, hosts, proxies and limits."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp.kernel.config import Settings
from webapp.web.error_pages import wants_json

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def content_security_policy(**other: str) -> str:
    """Return the policy of every page, with other sources for the directives named."""
    return "; ".join(f"{name} {sources}" for name, sources in {**_POLICY, **other}.items())


HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "1; mode=block",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": content_security_policy(),
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
UNCACHED_HEADERS = {**HEADERS, "Cache-Control": "no-store"}
"""Pages hold personal data: neither the disk nor the back button may keep them."""

MAX_BODY_BYTES = 1024 * 1024
MAX_FORM_BYTES = 64 * 1024
"""What the fields of a page's form may have together, without the files that are sent with it."""


def session_config(settings: Settings) -> dict[str, object]:
    """Return Flask's configuration of cookies, form tokens and bodies."""
    return {
        "SECRET_KEY": settings.secret_key,
        "SECRET_KEY_FALLBACKS": list(settings.secret_key_fallbacks),
        # The signer wants the newest key last; forms that were open while the key changed stay valid.
        "WTF_CSRF_SECRET_KEY": list(reversed(settings.signing_keys)),
        "SESSION_COOKIE_NAME": "areamedica_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.cookie_secure,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=settings.session_hours),
        "SESSION_REFRESH_EACH_REQUEST": False,
        "WTF_CSRF_TIME_LIMIT": None,  # a form token lives as long as its session
        "WTF_CSRF_SSL_STRICT": settings.cookie_secure,
        "WTF_CSRF_CHECK_DEFAULT": False,  # checked after the guard, which knows who asks
        "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
        "MAX_FORM_MEMORY_SIZE": MAX_FORM_BYTES,
        "TRUSTED_HOSTS": list(settings.allowed_hosts) or None,
    }


def init_app(app: Flask, settings: Settings) -> None:
    """Put the headers on every answer and believe only the configured number of proxies."""
    hops = settings.trusted_proxy_hops
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    @app.before_request
    def bound_forms() -> None:
        # MAX_FORM_MEMORY_SIZE counts for multipart forms only.
        if request.mimetype == "application/x-www-form-urlencoded" and not wants_json():
            request.max_content_length = MAX_FORM_BYTES

    @app.after_request
    def protect(response: Response) -> Response:
        is_asset = (request.endpoint or "").startswith("assets.")
        # Looked through once, where `setdefault` would do so for each header.
        given = {name.lower() for name, _value in response.headers}
        response.headers.extend(
            (name, value)
            for name, value in (HEADERS if is_asset else UNCACHED_HEADERS).items()
            if name.lower() not in given
        )
        return response
