"""Banesco, dialect `status` (ERD 7.1): GET {api}/transactions/{key}, a word says what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from webapp.banking import json_fields
from webapp.banking.conversation import Conversation, Question, TokenRefused
from webapp.banking.exchange import Reply
from webapp.banking.gateway import (
    BankAnswer,
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
from webapp.banking.redaction import strike_out

WORDS = {
    **dict.fromkeys(("approved", "completed", "success"), MovementState.SETTLED),
    **dict.fromkeys(
        ("rejected", "reversed", "canceled", "cancelled", "failed"), MovementState.REFUSED
    ),
    **dict.fromkeys(("pending", "in_progress", "processing"), MovementState.PENDING),
}


class BanescoStatus:
    """The ERD's interface to Banesco."""

    def __init__(self, *, api_url: str, conversation: Conversation) -> None:
        self._api_url = api_url.rstrip("/")
        self._conversation = conversation

    def requirements(
        self,
        bank: BankType,  # noqa: ARG002 - the port's arguments; here every payment needs the same
        payer_bank: str | None = None,  # noqa: ARG002
    ) -> Requirements:
        """Return that nine digits are needed, whatever the kind: the bank finds a movement by them alone."""
        return Requirements(reference_digits=(9, 9))

    def subject(self, claim: Claim) -> str:
        """Return the key in the address: the caller's own, else the reference, for every kind of movement."""
        return claim.own_key or claim.reference

    def ask(self, claim: Claim, *, calls: CallLog, seconds: float, attempts: int) -> BankAnswer:
        """Ask by the caller's own key, or by the reference.

        Raises BankError where the bank said nothing about the payment, CallNotAllowed by our limit.
        """
        key = quote(self.subject(claim), safe="")
        question = Question(
            method="GET",
            url=f"{self._api_url}/transactions/{key}",
            read=lambda reply, record: _read_answer(reply, claim, record),
        )
        return self._conversation.ask(
            lambda: question, calls=calls, seconds=seconds, attempts=attempts
        )


def _read_answer(reply: Reply, claim: Claim, record: CallRecord) -> BankAnswer:
    if reply.status == 404:
        record.outcome = Outcome.NOT_FOUND
        return BankAnswer(movements=())
    if reply.status == 429:
        raise BankRateLimited("HTTP 429", retry_after=reply.retry_after)
    if reply.status in (401, 403):
        raise TokenRefused(f"HTTP {reply.status}")
    if reply.status >= 500:
        raise BankUnavailable(f"HTTP {reply.status}", retry_after=reply.retry_after)
    if 300 <= reply.status < 400:
        raise BankUnreadable(f"HTTP {reply.status}: a redirect is no answer")
    if reply.status != 200:
        raise BankRefusedUs(f"HTTP {reply.status}: the bank did not accept the question")
    content = reply.json_object()
    movement = _read_movement(content, claim)
    try:
        payload = strike_out(content, record.secret)
    except RecursionError:
        raise BankUnreadable("the answer is nested too deeply") from None
    record.outcome = Outcome.FOUND
    record.bank_code = movement.word[:50]
    return BankAnswer(movements=(movement,), payload=payload)


def _read_movement(content: Mapping[str, Any], claim: Claim) -> Movement:
    word = json_fields.text(content, "status")
    if word is None:
        raise BankUnreadable("no status word")
    reference = json_fields.reference(content, "reference")
    kind = _kind(json_fields.text(content, "transaction_type"))
    # Where the bank names no reference, it means the movement of the key that it was asked about.
    named = (reference or claim.own_key or claim.reference).lstrip("0")
    return Movement(
        identity=f"banesco:{named}:{kind or claim.transaction_type}",
        state=WORDS.get(word.lower(), MovementState.UNRECOGNISED),
        word=word,
        reference=reference,
        amount=json_fields.amount(content, "amount"),
        currency=json_fields.text(content, "currency"),
        day=json_fields.day(content, "date"),
        phone=json_fields.text(content, "customer_phone", digits=True),
        national_id=json_fields.text(content, "customer_national_id"),
        transaction_type=kind,
        concept=json_fields.text(content, "concept"),
    )


def _kind(value: str | None) -> TransactionType | None:
    try:
        return TransactionType(value.upper()) if value else None
    except ValueError:
        return TransactionType.OTHER
