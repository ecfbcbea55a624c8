"""The bank's web application: a table of contents."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from webapp.banking.sandbox.admin import admin
from webapp.banking.sandbox.bank import Bank
from webapp.banking.sandbox.confirmation_dialect import confirmation_dialect
from webapp.banking.sandbox.form_values import BadInput
from webapp.banking.sandbox.guard import HOST_NAMES, refuse_foreign_names
from webapp.banking.sandbox.oauth_desk import oauth_desk
from webapp.banking.sandbox.page import page
from webapp.banking.sandbox.settings import DEFAULT_HOST
from webapp.banking.sandbox.status_dialect import status_dialect
from webapp.banking.sandbox.wire import ELSEWHERE, reply

LARGEST_REQUEST = 1024 * 1024


def create_sandbox(bank: Bank, *, listens_on: str = DEFAULT_HOST) -> Flask:
    """Return the WSGI application of one bank.

    It answers under names of loopback, the address that it listens on, and `allowed_hosts` of its settings.
    """
    app = Flask(__name__)
    app.config[HOST_NAMES] = {listens_on, *bank.settings.allowed_hosts}
    app.before_request(refuse_foreign_names)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    app.extensions["bank"] = bank
    for blueprint in (oauth_desk, status_dialect, confirmation_dialect, admin, page):
        app.register_blueprint(blueprint)
    app.add_url_rule(ELSEWHERE, view_func=elsewhere, methods=["GET", "POST"])
    app.register_error_handler(BadInput, bad_input)
    app.register_error_handler(HTTPException, http_error)

    @app.after_request
    def log_other_calls(response: Response) -> Response:
        """Log the calls that reached no endpoint of the bank as well."""
        endpoints = ("oauth_desk", "status_dialect", "confirmation_dialect")
        own = ("admin", "page")
        at_an_endpoint = request.blueprint in endpoints and response.status_code != 405
        own_call = request.blueprint in own or request.endpoint == "static"
        if not at_an_endpoint and not own_call:
            call = bank.calls.arrive("other", request.method, request.path, None)
            call.status, call.outcome = response.status_code, "answered"
        return response

    return app


def elsewhere() -> Response:
    """Answer where the failure `redirect` leads: a client that comes here has followed it with its token."""
    return Response("<h1>Intranet</h1>", content_type="text/html; charset=utf-8")


def bad_input(problem: BadInput) -> Response:
    """Answer 400 with the sentence that says what is wrong."""
    return reply({"error": str(problem)}, 400)


def http_error(problem: HTTPException) -> Response:
    """Answer an error of HTTP as JSON."""
    return reply({"error": problem.description}, problem.code or 500)
