"""Ask the bank while a person waits, or in the background after logging: one way for pages and API.

A small bound of threads per process keeps a hanging bank from using up the web's threads (DESIGN 4).
"""

from __future__ import annotations

import uuid
from concurrent.futures import TimeoutError as NotYet

from webapp.banking.connection import BankConnection
from webapp.kernel.background import BoundedPool, Context
from webapp.kernel.database import db
from webapp.transactions import checking
from webapp.transactions.checking import CheckOutcome, CheckResult

bank_pool = BoundedPool(size=4)
"""Threads of this process that may talk to the bank; a hanging bank can never take more."""


def ask_in_background(row_id: uuid.UUID, *, bank: BankConnection, context: Context) -> None:
    """Start asking about a payment that was just logged or corrected, where that takes little from who waits.

    The worker asks later where many are logged at once, where no thread is free, and while the bank is taken to be down.
    """
    if bank.pace.take():
        bank_pool.submit(context, checking.check_unless_down, row_id, bank=bank)


def ask_now(row_id: uuid.UUID, *, bank: BankConnection, context: Context) -> CheckResult:
    """Ask for as long as a person waits; a question that takes longer goes on in its thread, and the result is BUSY.

    Ends the caller's unit of work, so that no connection is held while the bank is asked.
    """
    db.session.rollback()
    pending = bank_pool.submit(context, checking.check, row_id, bank=bank, probe=True)
    if pending is None:
        return CheckResult(CheckOutcome.BUSY)
    try:
        return pending.result(timeout=bank.interactive_seconds + 1)
    except NotYet:
        return CheckResult(CheckOutcome.BUSY)
