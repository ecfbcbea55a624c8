"""The dialect `confirmation`, the answer: "Confirmación de Transacciones" with its quirks.

QA and production differ: what was not found or wrongly asked comes with HTTP 200 in QA and with 400
in production; a bad token is 401 in QA and 403 in production.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, request

from webapp.banking.sandbox.bank import Bank
from webapp.banking.sandbox.desk import Answer, attend, is_authorized
from webapp.banking.sandbox.outcomes import (
    HIDDEN_WORDS,
    Asked,
    movement_for,
    other_reference,
    read_reference,
)
from webapp.banking.sandbox.searches import (
    Rejected,
    Search,
    SearchKind,
    nothing_found,
    read_body,
    read_search,
    reference_in,
)
from webapp.banking.sandbox.store import BANESCO, Movement, local_phone
from webapp.banking.sandbox.tokens import Environment
from webapp.banking.sandbox.wire import reply

confirmation_dialect = Blueprint("confirmation_dialect", __name__)

OUR_CODES = ("70001", "70005", "VDE01", "VDE02")
# The code and the HTTP status, in this dialect, of a failure that is named by its HTTP status.
ERRORS = {
    204: ("204", 200),
    409: ("70005", 200),
    400: ("VDE01", 200),
    401: ("VRN01", 401),
    422: ("VDE02", 200),
    429: ("VRN05", 429),
    500: ("500", 500),
    502: ("CRT503", 503),
    503: ("VRN04", 503),
    504: ("VRN06", 424),
}
WRONG_TYPES = (
    '{"httpStatus": {"statusCode": ["200"]}, "dataResponse": {"transactionDetail": {}}}',
    '[{"httpStatus": {"statusCode": "200"}}]',
    "null",
    '"200"',
    '{"httpStatus": "200"}',
    '{"httpStatus": {"statusCode": "200"}}',
    '{"httpStatus": {"statusCode": "200"}, "dataResponse": null}',
    '{"httpStatus": {"statusCode": "200"}, "dataResponse": {"transactionDetail": ["CR"]}}',
    '{"httpStatus": {"statusCode": "200"}, "dataResponse": {"transactionDetail": '
    '[{"amount": NaN, "trnType": 1, "referenceNumber": null}]}}',
    "[" * 50_000,
)
COMMISSION = Decimal("3.68")
DEFAULT_ACCOUNT = "01340000000000008514"


class ConfirmationVoice:
    """Errors of the dialect `confirmation`: a code, and an HTTP status by environment."""

    def __init__(self, environment: Environment) -> None:
        self.production = environment is Environment.PRODUCTION

    def error(self, status: int) -> Response:
        """Return the answer of an HTTP status, in this endpoint's form."""
        if status == 403:
            return self.plain_refusal()
        code, http_status = ERRORS.get(status, ("500", 500))
        return self.coded(code, "Error", http_status)

    def coded(self, code: str, description: str, http_status: int = 200) -> Response:
        """Return an answer without movements."""
        if self.production and code in OUR_CODES:
            http_status = 400
        elif self.production and http_status == 401:
            http_status = 403
        return reply({"httpStatus": {"statusCode": code, "statusDesc": description}}, http_status)

    def plain_refusal(self) -> Response:
        """Return the answer to a bad token: it comes from a gateway in front of the bank, without JSON."""
        status = 403 if self.production else 401
        return Response("Unauthorized", status, content_type="text/plain; charset=utf-8")

    def wrong_types(self, variant: int) -> str:
        """Return JSON that no client should understand."""
        return WRONG_TYPES[variant]


@confirmation_dialect.post("/v1/confirmation", defaults={"environment": Environment.QA})
@confirmation_dialect.post("/prod/confirmation", defaults={"environment": Environment.PRODUCTION})
def confirmation(environment: Environment) -> Response:
    """Answer POST /v1/confirmation, and /prod/confirmation."""
    voice = ConfirmationVoice(environment)

    def answer(bank: Bank) -> Answer:
        if not is_authorized(bank, environment):
            return Answer(voice.plain_refusal())
        try:
            transaction, session_id = read_body(request.get_data())
            if not bank.is_new_session(session_id):
                raise Rejected("VDE02", "sessionId repetido")
            return look_up(bank, read_search(transaction), voice)
        except Rejected as rejected:
            return Answer(voice.coded(rejected.code, rejected.description))

    body = request.get_data()
    return attend(kind="confirmation", key=reference_in(body), voice=voice, answer=answer)


def look_up(bank: Bank, search: Search, voice: ConfirmationVoice) -> Answer:
    """Return what the bank finds, first in its store, then by family. Raises Rejected where nothing fits."""
    stored = [one for one in bank.movements.all() if _matches(one, search)]
    if stored:
        visible = [one for one in stored if one.visible(bank.clock.now()) and _shown(one)]
        return Answer(_found(visible, search))
    asked = read_reference(search.reference) if search.reference else None
    today = bank.clock.today()
    if asked is None or (search.start or today) > today:
        raise nothing_found()
    age = bank.age(asked.digits)
    day = search.start or today
    movement = movement_for(asked, age=age, today=day, settings=bank.settings)
    rows = [] if movement is None else _family_rows(asked, movement, search, day)
    if asked.family.prefix == "610":
        found = nothing_found()
        payload = {"httpStatus": {"statusCode": int(found.code), "statusDesc": found.description}}
        return Answer(reply(payload, 400 if voice.production else 200))
    response = _found(rows, search, number=asked.family.prefix == "110")
    return Answer(response, asked.family.mode)


def _matches(movement: Movement, search: Search) -> bool:
    """Return whether a stored movement fits the search; unknown fields fit."""
    if search.account and movement.account not in (None, search.account):
        return False
    if search.kind is SearchKind.STATEMENT:
        return bool(search.start and search.end and search.start <= movement.date <= search.end)
    if movement.payer_bank != search.bank_id:
        return False
    if search.kind is SearchKind.BANESCO:
        return movement.reference.lstrip("0") == search.reference.lstrip("0")
    if search.kind is SearchKind.MOBILE and movement.phone not in (
        None,
        local_phone(search.phone),
    ):
        return False
    return movement.date == search.start and movement.reference.endswith(search.reference)


def _shown(movement: Movement) -> bool:
    """Return whether this dialect lists a movement: it has no words for one that waits or was refused."""
    return movement.status not in HIDDEN_WORDS


SPELLINGS: dict[str, Callable[[str], str]] = {
    "110": lambda reference: reference.lstrip("0"),
    "120": lambda reference: reference[-6:],
    "230": other_reference,
}
"""The families in which the bank spells the reference otherwise."""


def _family_rows(asked: Asked, movement: Movement, search: Search, day: date) -> list[Movement]:
    """Return a family's rows, in the order in which the bank lists them."""
    prefix = asked.family.prefix
    spell = SPELLINGS.get(prefix, str)
    credit = replace(movement, reference=spell(_full_reference(search, day)))
    commission = replace(
        credit, amount=COMMISSION, direction="DB", concept="COMISION", status="approved"
    )
    match prefix:
        case "120":
            return [commission, replace(credit, time="00.00.00"), commission]
        case "130":
            return [credit, replace(credit, time="16:45:10")]
        case "140":
            return [replace(commission, amount=asked.amount), commission]
        case "150":
            return [
                replace(credit, amount=asked.amount + 50, time="08:01:02"),
                credit,
                replace(credit, amount=asked.amount + 7, date=day - timedelta(days=1)),
            ]
        case "210":
            return []
        case "310":
            return [replace(credit, status="approved")]
        case _:
            return [credit] if _shown(credit) else []


def _full_reference(search: Search, day: date) -> str:
    """Return the bank's twelve digits, of which a caller may know the tail; they differ from day to day."""
    if search.kind is SearchKind.BANESCO:
        return search.reference.lstrip("0").zfill(12)
    return f"{day:%m%d}{search.bank_id[-2:]}{search.reference}"


def _found(rows: list[Movement], search: Search, *, number: bool = False) -> Response:
    """Return the answer with movements. Raises Rejected where there are none."""
    if not rows:
        raise nothing_found()
    code = next((row.bank_code for row in rows if row.bank_code != "200"), "200")
    if code != "200":
        return reply({"httpStatus": {"statusCode": code, "statusDesc": "Error"}})
    return reply(
        {
            "httpStatus": {"statusCode": int(code) if number else code, "statusDesc": "OK"},
            "dataResponse": {"transactionDetail": [_row(row, search) for row in rows]},
        }
    )


def _row(movement: Movement, search: Search) -> dict[str, Any]:
    account = (movement.account or search.account or DEFAULT_ACCOUNT).lstrip("0")
    # Seen at the bank: a row without an hour calls any payer's bank 0134, interbank payments too.
    source = BANESCO if movement.time == "00.00.00" else (search.bank_id or movement.payer_bank)
    return {
        "referenceNumber": movement.reference,
        "amount": str(movement.amount),
        "currencyCode": "BS " if movement.currency == "VES" else movement.currency,
        "accountId": f"{account[:4]}{'*' * 12}{account[-4:]}",
        "trnDate": movement.date.isoformat(),
        "trnTime": movement.time,
        "trnType": movement.direction,
        "sourceBankId": source.lstrip("0"),
        "destBankId": BANESCO,
        "concept": f"  {movement.concept} ",
        "customerIdBen": "J-12345678-9",
    }
