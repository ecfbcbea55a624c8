"""The port to a bank: what is asked, what is answered, and how asking can fail (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol


class BankType(StrEnum):
    """How the money travelled (ERD 4.1, `bank_type`)."""

    BANESCO = "BANESCO"
    MOBILE_TRANSFER = "MOBILE_TRANSFER"


class TransactionType(StrEnum):
    """What kind of movement a reference names (ERD 4.1): a payment and its commission may share one."""

    TRANSACTION = "TRANSACTION"
    COMMISSION = "COMMISSION"
    OTHER = "OTHER"


@dataclass(frozen=True)
class Claim:
    """What was declared of a payment: all that a bank may need to find it or to contradict it."""

    reference: str
    bank: BankType
    transaction_type: TransactionType = TransactionType.TRANSACTION
    own_key: str | None = None
    """The caller's `transaction_id`, where an integrator or the cashier supplied one."""
    amount: Decimal | None = None
    currency: str = "VES"
    phone: str | None = None
    national_id: str | None = None
    payer_bank: str | None = None
    operation_date: date | None = None
    receiving_account: str | None = None
    """Our account that was paid into, where it was stored; None means the one in force."""


class MovementState(StrEnum):
    """What the bank says became of a movement."""

    SETTLED = "settled"
    PENDING = "pending"
    REFUSED = "refused"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True)
class Movement:
    """One movement as the bank shows it. A field that the bank does not give is None."""

    identity: str
    """Names the movement, which pays one transaction only. Another answer may spell it differently, so
    spellings are compared before it pays."""
    state: MovementState
    word: str
    """The bank's own word for the state."""
    is_credit: bool = True
    reference: str | None = None
    reference_may_be_cut: bool = False
    """The bank may show only the tail of the reference."""
    amount: Decimal | None = None
    currency: str | None = None
    day: date | None = None
    time: str | None = None
    """The time as the bank writes it; never compared."""
    phone: str | None = None
    national_id: str | None = None
    transaction_type: TransactionType | None = None
    concept: str | None = None


@dataclass(frozen=True)
class BankAnswer:
    """An answer that could be read; no movements means that the bank does not show it (yet)."""

    movements: tuple[Movement, ...]
    payload: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Requirements:
    """What a dialect needs to find a payment of one kind."""

    reference_digits: tuple[int, int]
    """The least and the most digits of a reference."""
    payer_bank: bool = False
    payer_phone: bool = False
    operation_date: bool = False
    amount: bool = False
    receiving_account: bool = False
    """The clinic's account: the one stored with the payment, else the one in force."""

    def missing(self, claim: Claim) -> tuple[str, ...]:
        """Return the fields, named as in form and API, that the claim lacks or has too short.

        The clinic's account is never among them: nobody declares it.
        """
        least, most = self.reference_digits
        lacking = {
            "reference": not least <= len(claim.reference) <= most,
            "payer_bank": self.payer_bank and not claim.payer_bank,
            "phone": self.payer_phone and not claim.phone,
            "operation_date": self.operation_date and claim.operation_date is None,
            "amount": self.amount and claim.amount is None,
        }
        return tuple(name for name, lacks in lacking.items() if lacks)


class Outcome(StrEnum):
    """How a call to the bank ended (`bank_calls.outcome`)."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    """The bank refused our credentials or called our question wrong: our fault, not the payment's."""
    TOKEN = "token"  # noqa: S105
    """An access token was given."""


class Trouble(StrEnum):
    """What only an operator can put right."""

    CREDENTIALS = "credentials"
    QUESTION = "question"
    UNREADABLE = "unreadable"


class BankError(Exception):
    """The bank said nothing about the payment. Only an answer changes a status."""

    outcome = Outcome.UNAVAILABLE
    can_repeat = False

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        """For operators: without secrets and personal data."""
        self.retry_after = retry_after
        """The seconds to wait before the next call, where the bank named them."""


class BankUnavailable(BankError):
    """No connection, no answer in time, or a 5xx: a repeat can cure it."""

    can_repeat = True


class BankRateLimited(BankError):
    """The bank asks us to wait (429)."""

    outcome = Outcome.RATE_LIMITED
    can_repeat = True


class BankUnreadable(BankError):
    """An answer came that cannot be understood, and is not guessed at."""

    outcome = Outcome.UNREADABLE


class BankRefusedUs(BankError):
    """Our credentials or our question are wrong: an operator's problem."""

    outcome = Outcome.REFUSED


class ClaimIncomplete(Exception):
    """The payment lacks what its search needs: a person must add it. Nothing was sent."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(", ".join(missing))
        self.missing = missing


class CallNotAllowed(Exception):
    """The limit of calls about this subject is reached; from `allowed_at` on the bank may be asked again."""

    def __init__(self, allowed_at: datetime) -> None:
        super().__init__("call limit reached")
        self.allowed_at = allowed_at


class Received(Protocol):
    """An HTTP reply, read whole."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """The body as it was received."""
        ...


@dataclass
class CallRecord:
    """What is kept of one call, filled in while it happens; `secret` is the one field that is not kept."""

    operation: str
    request: Mapping[str, Any]
    outcome: Outcome | None = None
    http_status: int | None = None
    response: Any = None
    bank_code: str | None = None
    detail: str | None = None
    latency_ms: int | None = None
    digest: str | None = None
    """SHA-256 (hex) of the body of the answer as received; None where none came."""
    environment: str | None = None
    """The bank's environment, where it is not the one in force."""
    secret: str = field(default="", repr=False)
    """The token that the question was sent with."""

    def note_reply(self, reply: Received) -> None:
        """Note the reply's status and the digest of its body, before either is understood."""
        self.http_status = reply.status
        self.digest = hashlib.sha256(reply.body).hexdigest()


class CallLog(Protocol):
    """Where every call is written: before it is made, and once more when it has ended."""

    def call(self, record: CallRecord) -> AbstractContextManager[CallRecord]:
        """Reserve one call, and keep how it ended. Raises CallNotAllowed before anything is sent."""
        ...


class BankGateway(Protocol):
    """One dialect of one bank."""

    def requirements(self, bank: BankType, payer_bank: str | None = None) -> Requirements:
        """Return what a payment of this kind, from this bank, must declare."""
        ...

    def subject(self, claim: Claim) -> str:
        """Return what names the claim's question: equal for two claims that ask the bank the same.

        The limit of calls counts by it, whichever payments the calls are made for.
        """
        ...

    def ask(self, claim: Claim, *, calls: CallLog, seconds: float, attempts: int) -> BankAnswer:
        """Ask about a claim, within so many seconds and calls.

        Raises BankError, CallNotAllowed, ClaimIncomplete.
        """
        ...
