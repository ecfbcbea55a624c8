"""The dialect `status`: GET {api}/transactions/{key} answers one JSON object."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, Response

from webapp.banking.sandbox.bank import Bank
from webapp.banking.sandbox.desk import Answer, attend, is_authorized
from webapp.banking.sandbox.outcomes import movement_for, read_key
from webapp.banking.sandbox.store import Movement
from webapp.banking.sandbox.tokens import Environment
from webapp.banking.sandbox.wire import reply

status_dialect = Blueprint("status_dialect", __name__)

ERRORS = {
    400: "bad_request",
    401: "invalid_token",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    422: "unprocessable",
    429: "too_many_requests",
    503: "service_unavailable",
}
WRONG_TYPES = (
    '{"status": ["approved"], "amount": {"value": 1240}, "reference": true, "date": 20261124}',
    '[{"status": "approved"}]',
    "null",
    '"approved"',
    "42",
    '{"status": "approved", "amount": NaN}',
    '{"status": "approved", "amount": "Infinity"}',
    '{"status": "approved", "amount": "1e400", "currency": 5}',
    '{"status": {"status": "approved"}, "amount": []}',
    "[" * 50_000,
)


class StatusVoice:
    """Errors of the dialect `status`: a word under `error`."""

    def error(self, status: int) -> Response:
        """Return the answer of an HTTP status, in this endpoint's form."""
        if status == 204:
            return Response(status=204)
        return reply({"error": ERRORS.get(status, "server_error")}, status)

    def wrong_types(self, variant: int) -> str:
        """Return JSON that no client should understand."""
        return WRONG_TYPES[variant]


VOICE = StatusVoice()


@status_dialect.get("/v1/transactions/<key>", defaults={"environment": Environment.QA})
@status_dialect.get("/prod/transactions/<key>", defaults={"environment": Environment.PRODUCTION})
def transaction(key: str, environment: Environment) -> Response:
    """Answer GET /v1/transactions/{key}, and /prod/transactions/{key}."""

    def answer(bank: Bank) -> Answer:
        if not is_authorized(bank, environment):
            response = VOICE.error(401)
            response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
            return Answer(response)
        return look_up(bank, key)

    return attend(kind="transactions", key=key, voice=VOICE, answer=answer)


def look_up(bank: Bank, key: str, *, peek: bool = False) -> Answer:
    """Return what is known under a key, first in the store, then by family. `peek` starts no delay."""
    known = bank.movements.known(key)
    if known:
        visible = [one for one in known if one.visible(bank.clock.now())]
        return Answer(reply(as_json(visible[0])) if visible else VOICE.error(404))
    asked = read_key(key)
    if asked is None:
        return Answer(VOICE.error(404))
    age = bank.age(asked.digits, peek=peek)
    movement = movement_for(asked, age=age, today=bank.clock.today(), settings=bank.settings)
    if movement is None:
        return Answer(VOICE.error(404))
    payload = as_json(movement)
    if asked.family.prefix == "110":
        # Some banks write money as a JSON number: 1240.0, not "1240.00".
        payload["amount"] = float(Decimal(payload["amount"]))
    elif asked.family.prefix == "120":
        payload = {"status": payload["status"]}
    return Answer(reply(payload), asked.family.mode)


def as_json(movement: Movement) -> dict[str, Any]:
    """Return a movement in this dialect; the payer's fields are there where the bank knows them."""
    payload = {
        "reference": movement.reference,
        "status": movement.status,
        "amount": str(movement.amount),
        "currency": movement.currency,
        "date": movement.date.isoformat(),
        "concept": movement.concept,
        "transaction_type": movement.transaction_type,
        "customer_phone": movement.phone,
        "customer_national_id": movement.national_id,
    }
    return {name: value for name, value in payload.items() if value is not None}
