"""What every call at an endpoint of the bank goes through: it is logged, then answered, or it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, request

from webapp.banking.sandbox.bank import Bank, current_bank
from webapp.banking.sandbox.calls import Kind
from webapp.banking.sandbox.failures import Failure, Mode
from webapp.banking.sandbox.tokens import Environment
from webapp.banking.sandbox.wire import Unanswered, Voice, play


@dataclass(frozen=True, slots=True)
class Answer:
    """The right response, and the failure that the reference itself asks for, if any."""

    response: Response
    mode: Mode | None = None


def attend(
    *, kind: Kind, key: str | None, voice: Voice, answer: Callable[[Bank], Answer]
) -> Response:
    """Log one call and answer it."""
    bank = current_bank()
    # Read before answering: closing a connection with unread bytes would reset it.
    request.get_data(cache=True, parse_form_data=False)
    call = bank.calls.arrive(kind, request.method, request.path, key)
    response, mode = _respond(bank, bank.failures.strike(kind, key), key, voice, answer)
    call.status = None if isinstance(response, Unanswered) else response.status_code
    call.outcome = mode.value if mode else "answered"
    return response


def _respond(
    bank: Bank,
    struck: Failure | None,
    key: str | None,
    voice: Voice,
    answer: Callable[[Bank], Answer],
) -> tuple[Response, Mode | None]:
    honest = None
    if struck is None or struck.mode.distorts:
        found = answer(bank)
        honest = found.response
        mode = struck.mode if struck else found.mode
        if mode is None:
            return honest, None
    else:
        mode = struck.mode
    response = play(
        mode,
        bank=bank,
        voice=voice,
        honest=honest,
        variant=int(key[-1]) if key and key[-1:].isdecimal() else 0,
        retry_after=struck.retry_after if struck else None,
    )
    return response, mode


def is_authorized(bank: Bank, environment: Environment) -> bool:
    """Return whether the request carries a bearer token of this environment that has not ended."""
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer":
        return False
    return bank.tokens.accepts(environment, authorization.token or "")
