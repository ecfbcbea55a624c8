"""Flask as this product uses it: views are plain functions, and only pages have a session in a cookie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from webapp.web.error_pages import is_for_programs


class NoSession(SecureCookieSession):
    """What stands in place of a session where programs ask."""


class SessionsOfPages(SecureCookieSessionInterface):
    """Sessions in signed cookies: a request for the API neither reads nor writes one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the session of a page's request, or begin an empty one."""
        if is_for_programs(request.path):
            return NoSession()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the session into the response of a page, where it changed."""
        if not isinstance(session, NoSession):
            super().save_session(app, session, response)


class Application(Flask):
    """The application; no view is a coroutine, so none is looked at for being one."""

    session_interface = SessionsOfPages()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func
