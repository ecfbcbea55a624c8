"""Asking in any dialect: with an access token, within a time, and again where a repeat can help."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    stop_when_event_set,
)

from webapp.banking.exchange import Reply
from webapp.banking.gateway import (
    BankAnswer,
    BankError,
    BankRefusedUs,
    BankUnavailable,
    CallLog,
    CallNotAllowed,
    CallRecord,
)
from webapp.banking.http import BankHttp
from webapp.banking.oauth import TokenSource
from webapp.banking.redaction import kept_request, redacted

RETRY_WAIT = (4.0, 10.0)
"""The least and the most seconds between attempts; a longer Retry-After is left to the worker."""


class TokenRefused(BankRefusedUs):
    """The bank did not accept the token: a new one is tried once."""


@dataclass(frozen=True)
class Question:
    """One HTTP request to the bank; `read` turns the reply into a BankAnswer or raises BankError."""

    method: str
    url: str
    read: Callable[[Reply, CallRecord], BankAnswer]
    operation: str = "transaction"
    body: Mapping[str, Any] | None = None


class Conversation:
    """Sends the questions of one bank's adapter; safe to share between threads."""

    def __init__(self, *, tokens: TokenSource, http: BankHttp, timeout: float) -> None:
        self._tokens = tokens
        self._http = http
        self._timeout = timeout

    def ask(
        self,
        question: Callable[[], Question],
        *,
        calls: CallLog,
        seconds: float,
        attempts: int,
    ) -> BankAnswer:
        """Ask, and repeat what a repeat can cure, within so many seconds and attempts.

        `question` is called for every attempt. Raises BankError where the bank said nothing about the
        payment, CallNotAllowed by our limit.
        """
        deadline = time.monotonic() + seconds
        limit_reached = threading.Event()
        retrying = Retrying(
            stop=stop_after_attempt(attempts)
            | stop_before_delay(seconds)
            | stop_when_event_set(limit_reached),
            wait=_seconds_to_wait,
            retry=retry_if_exception(_is_worth_repeating),
            reraise=True,
        )
        failed: list[BankError] = []

        def attempt() -> BankAnswer:
            try:
                return self._ask_with_token(question, calls, deadline)
            except BankError as error:
                failed.append(error)
                raise
            except CallNotAllowed:
                limit_reached.set()
                if failed:  # an outage is not hidden by our limit
                    raise failed[-1] from None
                raise

        answer: BankAnswer = retrying(attempt)
        return answer

    def _ask_with_token(
        self, question: Callable[[], Question], calls: CallLog, deadline: float
    ) -> BankAnswer:
        token = self._tokens.token(calls=calls, seconds=self._seconds_left(deadline))
        try:
            return self._ask_once(question(), token, calls, deadline)
        except TokenRefused:
            # Only once: a second refusal, with a new token, means wrong credentials.
            fresh = self._tokens.token(
                calls=calls, seconds=self._seconds_left(deadline), refused=token
            )
            return self._ask_once(question(), fresh, calls, deadline)

    def _ask_once(
        self, question: Question, token: str, calls: CallLog, deadline: float
    ) -> BankAnswer:
        headers = {"Authorization": f"Bearer {token}"}
        kept = kept_request(question.method, question.url, headers=headers, body=question.body)
        record = CallRecord(operation=question.operation, request=kept, secret=token)
        with calls.call(record):
            reply = self._http.send(
                question.method,
                question.url,
                seconds=self._seconds_left(deadline),
                headers=headers,
                body=question.body,
            )
            record.note_reply(reply)
            record.response = redacted(reply, token)
            return question.read(reply, record)

    def _seconds_left(self, deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise BankUnavailable("no answer in time")
        return min(left, self._timeout)


def _is_worth_repeating(error: BaseException) -> bool:
    if not isinstance(error, BankError) or not error.can_repeat:
        return False
    return error.retry_after is None or error.retry_after <= RETRY_WAIT[1]


def _seconds_to_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, BankError) else None
    least, most = RETRY_WAIT
    return max(asked or 0.0, min(least * 2.0 ** (state.attempt_number - 1), most))
