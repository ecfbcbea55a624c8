"""Banesco, dialect `status` (ERD 7.1): GET {api}/transactions/{key}, a word says what became of it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
)

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
    Movement,
    MovementState,
    Outcome,
    Requirements,
    TransactionType,
)
from webapp.banking.http import BankHttp, Reply
from webapp.banking.oauth import TokenSource
from webapp.banking.redaction import kept_request, redacted, strike_out
from webapp.text import is_storable

WORDS = {
    **dict.fromkeys(("approved", "completed", "success"), MovementState.SETTLED),
    **dict.fromkeys(
        ("rejected", "reversed", "canceled", "cancelled", "failed"), MovementState.REFUSED
    ),
    **dict.fromkeys(("pending", "in_progress", "processing"), MovementState.PENDING),
}
RETRY_WAIT = (4.0, 10.0)
"""Least and most seconds between attempts; a Retry-After beyond the most is left to the worker."""


class BanescoStatus:
    """The ERD's interface to Banesco."""

    def __init__(
        self, *, api_url: str, tokens: TokenSource, http: BankHttp, timeout: float
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._timeout = timeout
        self._tokens = tokens
        self._http = http

    def requirements(self, bank: BankType) -> Requirements:
        """Nine digits, whatever the kind; the bank finds a movement by them alone."""
        return Requirements(reference_digits=(9, 9))

    def ask(self, claim: Claim, *, calls: CallLog, seconds: float, attempts: int) -> BankAnswer:
        """Ask by the caller's own key, or by the reference.

        Raises BankError where the bank said nothing about the payment, CallNotAllowed by our limit.
        """
        deadline = time.monotonic() + seconds
        retrying = Retrying(
            stop=stop_after_attempt(attempts) | stop_before_delay(seconds),
            wait=_wait,
            retry=retry_if_exception(_worth_repeating),
            reraise=True,
        )
        answer: BankAnswer = retrying(self._ask_with_token, claim, calls, deadline)
        return answer

    def _ask_with_token(self, claim: Claim, calls: CallLog, deadline: float) -> BankAnswer:
        token = self._tokens.token(calls=calls, seconds=min(_left(deadline), self._timeout))
        try:
            return self._ask_once(claim, token, calls, deadline)
        except _TokenRefused:
            # Once: a second refusal with a fresh token means wrong credentials.
            fresh = self._tokens.token(
                calls=calls, seconds=min(_left(deadline), self._timeout), refused=token
            )
            return self._ask_once(claim, fresh, calls, deadline)

    def _ask_once(self, claim: Claim, token: str, calls: CallLog, deadline: float) -> BankAnswer:
        key = claim.own_key or claim.reference
        url = f"{self._api_url}/transactions/{quote(key, safe='')}"
        headers = {"Authorization": f"Bearer {token}"}
        record = CallRecord(
            operation="transaction", request=kept_request("GET", url, headers=headers)
        )
        with calls.call(record):
            reply = self._http.send(
                "GET",
                url,
                seconds=min(_left(deadline), self._timeout),
                headers=headers,
            )
            record.saw(reply)
            record.response = redacted(reply, secret=token)
            return _read_answer(reply, claim, record)


class _TokenRefused(BankRefusedUs):
    """The bank did not accept the token."""


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise BankUnavailable("no answer in time")
    return left


def _worth_repeating(error: BaseException) -> bool:
    if not isinstance(error, BankError) or not error.can_repeat:
        return False
    return error.retry_after is None or error.retry_after <= RETRY_WAIT[1]


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, BankError) else None
    least, most = RETRY_WAIT
    return max(asked or 0.0, min(least * 2.0 ** (state.attempt_number - 1), most))


def _read_answer(reply: Reply, claim: Claim, record: CallRecord) -> BankAnswer:
    if reply.status == 404:
        record.outcome = Outcome.NOT_FOUND
        return BankAnswer(movements=())
    if reply.status == 429:
        raise BankRateLimited("HTTP 429", retry_after=reply.retry_after)
    if reply.status in (401, 403):
        raise _TokenRefused(f"HTTP {reply.status}")
    if reply.status >= 500:
        raise BankUnavailable(f"HTTP {reply.status}", retry_after=reply.retry_after)
    if 300 <= reply.status < 400:
        raise BankUnreadable(f"HTTP {reply.status}: a redirect is no answer")
    if reply.status != 200:
        raise BankRefusedUs(f"HTTP {reply.status}: the bank did not accept the question")
    content = reply.json_object()
    movement = _read_movement(content, claim)
    try:
        payload = strike_out(content)
    except RecursionError:
        raise BankUnreadable("the answer is nested too deeply") from None
    record.outcome = Outcome.FOUND
    record.bank_code = movement.word[:50]
    return BankAnswer(movements=(movement,), payload=payload)


def _read_movement(content: Mapping[str, Any], claim: Claim) -> Movement:
    word = _text(content, "status")
    if word is None:
        raise BankUnreadable("no status word")
    reference = _text(content, "reference", digits=True)
    kind = _kind(_text(content, "transaction_type"))
    return Movement(
        identity=f"banesco:{(reference or claim.reference).lstrip('0')}:{kind or claim.transaction_type}",
        state=WORDS.get(word.lower(), MovementState.UNRECOGNISED),
        word=word,
        reference=reference,
        amount=_amount(content.get("amount")),
        currency=_text(content, "currency"),
        day=_day(_text(content, "date")),
        phone=_text(content, "customer_phone", digits=True),
        national_id=_text(content, "customer_national_id"),
        transaction_type=kind,
        concept=_text(content, "concept"),
    )


def _text(content: Mapping[str, Any], name: str, *, digits: bool = False) -> str | None:
    """A text field; absent and empty are the same. Raises BankUnreadable for other JSON types."""
    value = content.get(name)
    if digits and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return None
    if not isinstance(value, str) or not is_storable(value) or len(value) > 500:
        raise BankUnreadable(f"{name} cannot be read")
    return value.strip() or None


def _amount(value: Any) -> Decimal | None:
    """A string or a number with at most two places. Raises BankUnreadable for anything else."""
    if value is None or value == "":
        return None
    text = (
        str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    )
    if not re.fullmatch(r"\d{1,16}(\.\d+)?", text, re.ASCII):
        raise BankUnreadable("amount cannot be read")
    amount = Decimal(text)
    if amount != amount.quantize(Decimal("0.01")):
        raise BankUnreadable("amount has more than two places")
    return amount.quantize(Decimal("0.01"))


def _day(value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        raise BankUnreadable("date cannot be read") from None


def _kind(value: str | None) -> TransactionType | None:
    try:
        return TransactionType(value.upper()) if value else None
    except ValueError:
        return TransactionType.OTHER
