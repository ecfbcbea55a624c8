"""Banesco, dialect `confirmation` (BANESCO.md): one POST, whose fields choose one of four searches.

The bank never compares the amount and never names the payer: it lists what it has under a reference.
"""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from webapp.banking import json_fields
from webapp.banking.conversation import Conversation, Question, TokenRefused
from webapp.banking.exchange import Reply
from webapp.banking.gateway import (
    BankAnswer,
    BankError,
    BankRateLimited,
    BankRefusedUs,
    BankType,
    BankUnavailable,
    BankUnreadable,
    CallLog,
    CallRecord,
    Claim,
    ClaimIncomplete,
    Movement,
    MovementState,
    Outcome,
    Requirements,
)
from webapp.banking.redaction import strike_out

BANESCO = "0134"
TAIL = 6
"""How many last digits of a reference are sent where the bank searches by its tail."""
LONGEST_STATEMENT = timedelta(days=30)
CREDIT = "CR"

FOUND, NOT_FOUND = "200", "70001"
OUR_FAULT = frozenset({"VDE01", "VDE02"})
"""Codes for a field that is missing or malformed: our fault, never the payment's."""
RANGE_TOO_WIDE = "70005"
CREDENTIALS = "VRN01"
RATE_LIMITED = "VRN05"
MAINTENANCE = frozenset({"VRN04", "CRT503"})
TRANSIENT = frozenset({"VRN06", "204", "409", "422", "500", "503", "504"})


@dataclass(frozen=True)
class Device:
    """The program that asks, as the envelope of every search names it."""

    description: str
    ip_address: str


class RangeTooWide(BankRefusedUs):
    """The bank shows fewer days at once (70005): they are asked about in parts."""


class BanescoConfirmation:
    """The bank's product "Confirmación de Transacciones"."""

    def __init__(
        self, *, url: str, account: str, device: Device, conversation: Conversation
    ) -> None:
        self._url = url
        self._account = account
        self._device = device
        self._conversation = conversation

    def requirements(self, bank: BankType, payer_bank: str | None = None) -> Requirements:
        """Return what the search for such a payment needs; always the amount, which the bank does not compare."""
        if bank is BankType.MOBILE_TRANSFER:
            return Requirements(
                reference_digits=(TAIL, 20),
                payer_bank=True,
                payer_phone=True,
                operation_date=True,
                amount=True,
            )
        return Requirements(
            reference_digits=(6, 12),
            operation_date=not _is_from_banesco(payer_bank),
            amount=True,
            receiving_account=True,
        )

    def subject(self, claim: Claim) -> str:
        """Return the fields of the claim's search, as JSON."""
        return _subject(search_for(claim, self._account))

    def ask(self, claim: Claim, *, calls: CallLog, seconds: float, attempts: int) -> BankAnswer:
        """Search for the claim's movements.

        Raises ClaimIncomplete where the payment lacks what its search needs, BankError where the bank
        said nothing about the payment, CallNotAllowed by our limit.
        """
        missing = self.requirements(claim.bank, claim.payer_bank).missing(claim)
        if missing:
            raise ClaimIncomplete(missing)
        return self._search(search_for(claim, self._account), calls, seconds, attempts)

    def statement(
        self,
        *,
        start: date,
        end: date,
        call_log_for: Callable[[str], CallLog],
        seconds: float,
        attempts: int,
    ) -> list[Movement]:
        """Return the credits of the account in force from `start` to `end`, both included.

        The days are asked about in parts of 30 or, where the bank finds that too wide, fewer. `call_log_for`
        returns the log for the calls about a subject; `seconds` and `attempts` bound one part.
        Raises BankError, CallNotAllowed.
        """
        found: list[Movement] = []
        parts = deque(_parts_of(start, end))
        while parts:
            first, last = parts.popleft()
            search = {
                "accountId": self._account,
                "startDt": first.isoformat(),
                "endDt": last.isoformat(),
            }
            calls = call_log_for(_subject(search))
            try:
                answer = self._search(search, calls, seconds, attempts, operation="statement")
            except RangeTooWide:
                if first == last:
                    raise
                middle = first + (last - first) // 2
                parts.extendleft([(middle + timedelta(days=1), last), (first, middle)])
                continue
            found.extend(answer.movements)
        return found

    def _search(
        self,
        search: Mapping[str, str],
        calls: CallLog,
        seconds: float,
        attempts: int,
        *,
        operation: str = "transaction",
    ) -> BankAnswer:
        def question() -> Question:
            return Question(
                method="POST",
                url=self._url,
                body=self._envelope(search),
                read=_read_answer,
                operation=operation,
            )

        return self._conversation.ask(question, calls=calls, seconds=seconds, attempts=attempts)

    def _envelope(self, search: Mapping[str, str]) -> dict[str, Any]:
        return {
            "dataRequest": {
                "device": {
                    "type": "Server",
                    "description": self._device.description,
                    "ipAddress": self._device.ip_address,
                },
                "securityAuth": {"sessionId": uuid.uuid4().hex},
                "transaction": dict(search),
            }
        }


def _subject(search: Mapping[str, str]) -> str:
    return json.dumps(search, sort_keys=True)


def search_for(claim: Claim, account: str) -> dict[str, str]:
    """Return the fields of `transaction` that find this payment: exactly those of its search (BANESCO.md)."""
    if claim.bank is BankType.MOBILE_TRANSFER:
        return {
            "referenceNumber": claim.reference[-TAIL:],
            "phoneNum": f"58{(claim.phone or '')[1:]}",
            "bankId": claim.payer_bank or "",
            "startDt": _iso(claim.operation_date),
        }
    account = claim.receiving_account or account
    if _is_from_banesco(claim.payer_bank):
        return {"referenceNumber": claim.reference, "accountId": account, "bankId": BANESCO}
    return {
        "referenceNumber": claim.reference[-TAIL:],
        "accountId": account,
        "bankId": claim.payer_bank or "",
        "startDt": _iso(claim.operation_date),
    }


def _is_from_banesco(payer_bank: str | None) -> bool:
    """Return whether a transfer comes from Banesco itself: it does where no other bank is named."""
    return payer_bank in (None, "", BANESCO)


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def _parts_of(start: date, end: date) -> Iterator[tuple[date, date]]:
    while start <= end:
        last = min(start + LONGEST_STATEMENT, end)
        yield start, last
        start = last + timedelta(days=1)


def _read_answer(reply: Reply, record: CallRecord) -> BankAnswer:
    content, code = _content_and_code(reply)
    if code is None:
        raise _error_of_status(reply)
    record.bank_code = code[:50]
    if code == NOT_FOUND:
        record.outcome = Outcome.NOT_FOUND
        return BankAnswer(movements=())
    if code != FOUND:
        raise _error_of_code(code, reply)
    movements = tuple(_read_rows(content))
    try:
        payload = strike_out(content, record.secret)
    except RecursionError:
        raise BankUnreadable("the answer is nested too deeply") from None
    record.outcome = Outcome.FOUND if movements else Outcome.NOT_FOUND
    return BankAnswer(movements=movements, payload=payload)


def _content_and_code(reply: Reply) -> tuple[Mapping[str, Any], str | None]:
    """Return the answer and its statusCode, which counts more than the HTTP status; None where it has none."""
    try:
        content = reply.json_object()
    except BankUnreadable:
        return {}, None
    status = content.get("httpStatus")
    if not isinstance(status, dict):
        return content, None
    try:
        return content, json_fields.text(status, "statusCode", digits=True)
    except BankUnreadable:
        return content, None


def _error_of_status(reply: Reply) -> BankError:
    """Return the error that the HTTP status alone stands for: a gateway answered, or garbage came."""
    if reply.status in (401, 403):
        return TokenRefused(f"HTTP {reply.status}")
    if reply.status == 429:
        return BankRateLimited("HTTP 429", retry_after=reply.retry_after)
    if reply.status >= 500 or reply.status in (204, 424):
        return BankUnavailable(f"HTTP {reply.status}", retry_after=reply.retry_after)
    return BankUnreadable(f"HTTP {reply.status} without a statusCode")


_ERRORS: Mapping[str, Callable[[str, float | None], BankError]] = {
    **dict.fromkeys(OUR_FAULT, lambda why, _: BankRefusedUs(f"{why}: our question is wrong")),
    RANGE_TOO_WIDE: lambda why, _: RangeTooWide(f"{why}: too many days at once"),
    CREDENTIALS: lambda why, _: TokenRefused(f"{why}: credentials"),
    RATE_LIMITED: lambda why, after: BankRateLimited(why, retry_after=after),
    **dict.fromkeys(
        MAINTENANCE, lambda why, after: BankUnavailable(f"{why}: maintenance", retry_after=after)
    ),
    **dict.fromkeys(TRANSIENT, lambda why, after: BankUnavailable(why, retry_after=after)),
}


def _error_of_code(code: str, reply: Reply) -> BankError:
    known = _ERRORS.get(code)
    if known is None:
        return BankUnreadable("an unknown statusCode")
    return known(f"statusCode {code}", reply.retry_after)


def _read_rows(content: Mapping[str, Any]) -> Iterator[Movement]:
    """Yield the credits among the rows. Raises BankUnreadable where a single row cannot be read."""
    response = content.get("dataResponse")
    rows = response.get("transactionDetail") if isinstance(response, dict) else None
    if not isinstance(rows, list):
        raise BankUnreadable("no transactionDetail")
    for row in rows:
        if not isinstance(row, dict):
            raise BankUnreadable("a row is no object")
        kind = json_fields.text(row, "trnType")
        if kind is None:
            raise BankUnreadable("a row without trnType")
        if kind.upper() == CREDIT:
            yield _read_credit(row)


def _read_credit(row: Mapping[str, Any]) -> Movement:
    reference = json_fields.reference(row, "referenceNumber")
    amount = json_fields.amount(row, "amount")
    if reference is None or not (reference.isascii() and reference.isdigit()):
        raise BankUnreadable("referenceNumber cannot be read")
    if amount is None:
        raise BankUnreadable("a row without amount")
    day = json_fields.day(row, "trnDate")
    return Movement(
        identity=f"banesco:{reference.lstrip('0')}:{day or '-'}:{amount}",
        state=MovementState.SETTLED,
        word=CREDIT,
        reference=reference,
        reference_may_be_cut=True,
        amount=amount,
        currency=json_fields.text(row, "currencyCode"),
        day=day,
        time=json_fields.text(row, "trnTime"),
        concept=json_fields.text(row, "concept"),
    )
