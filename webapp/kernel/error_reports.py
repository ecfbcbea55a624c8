"""Errors, reported to a collector that speaks Sentry's protocol (SENTRY_DSN): types and places, no personal data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from webapp.kernel.config import Settings

Report = Callable[[BaseException], object]
LEFT_OUT = ("breadcrumbs", "contexts", "extra", "modules", "request", "server_name", "user")


def reporter(settings: Settings) -> Report | None:
    """Return what to call with an error, or None where none are reported."""
    if not settings.sentry_dsn:
        return None
    # Imported only where it is used: it is large.
    import sentry_sdk

    sentry_sdk.init(
        settings.sentry_dsn,
        release=f"{settings.app_name}@{settings.app_version}",
        environment=settings.environment,
        default_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        before_send=_without_values,
    )
    return sentry_sdk.capture_exception


def _without_values(event: Any, _hint: Any) -> Any:
    """Remove everything that could quote a name, a phone or a secret, messages included."""
    for name in LEFT_OUT:
        event.pop(name, None)
    for error in event.get("exception", {}).get("values", []):
        error["value"] = ""
        for frame in error.get("stacktrace", {}).get("frames", []):
            frame.pop("vars", None)
    return event
