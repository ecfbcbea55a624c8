"""The token endpoints, one for QA and one for production."""

from __future__ import annotations

from flask import Blueprint, Response, request

from webapp.banking.sandbox.bank import Bank
from webapp.banking.sandbox.desk import Answer, attend
from webapp.banking.sandbox.tokens import Environment, Refusal
from webapp.banking.sandbox.wire import reply

oauth_desk = Blueprint("oauth_desk", __name__)

ERRORS = {401: "invalid_client", 400: "invalid_request", 503: "temporarily_unavailable"}
WRONG_TYPES = (
    '{"access_token": 12345, "token_type": "Bearer", "expires_in": "soon"}',
    '["access_token"]',
    "null",
    '{"token_type": "Bearer"}',
)


class OAuthVoice:
    """Errors as RFC 6749, section 5.2, words them."""

    def error(self, status: int) -> Response:
        """Return the answer of an HTTP status, in this endpoint's form."""
        if status == 204:
            return Response(status=204)
        return reply({"error": ERRORS.get(status, "server_error")}, status)

    def wrong_types(self, variant: int) -> str:
        """Return JSON that no client should understand."""
        return WRONG_TYPES[variant % len(WRONG_TYPES)]


@oauth_desk.post("/oauth/token", defaults={"environment": Environment.QA})
@oauth_desk.post("/prod/oauth/token", defaults={"environment": Environment.PRODUCTION})
def token(environment: Environment) -> Response:
    """Answer POST /oauth/token, form-encoded, and /prod/oauth/token."""

    def answer(bank: Bank) -> Answer:
        basic = None
        if request.authorization is not None and request.authorization.type == "basic":
            basic = (request.authorization.username or "", request.authorization.password or "")
        try:
            if request.mimetype != "application/x-www-form-urlencoded":
                raise Refusal("invalid_request", "Send application/x-www-form-urlencoded.")
            response = reply(bank.tokens.grant(environment, request.form, basic))
        except Refusal as refusal:
            payload = {"error": refusal.error, "error_description": refusal.description}
            response = reply(payload, refusal.status)
            if refusal.status == 401:
                response.headers["WWW-Authenticate"] = 'Basic realm="sandbox"'
        response.headers["Cache-Control"] = "no-store"
        return Answer(response)

    return attend(kind="token", key=None, voice=OAuthVoice(), answer=answer)
