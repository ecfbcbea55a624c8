"""The API's routes, gathered on its blueprint, and what happens around each of them."""

from __future__ import annotations

from webapp.api import (
    accounts,
    batch,
    docs,
    export,
    idempotency,
    limiting,
    transactions,
    users,
    webhooks,
)
from webapp.api.blueprint import bp

__all__ = ["accounts", "batch", "bp", "docs", "export", "transactions", "users", "webhooks"]

bp.before_request(limiting.check_rate)
bp.before_request(idempotency.begin)
bp.after_request(idempotency.complete)
