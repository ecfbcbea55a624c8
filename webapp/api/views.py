"""The API's routes, gathered on its blueprint."""

from __future__ import annotations

from webapp.api import accounts, transactions, users, webhooks
from webapp.api.blueprint import bp

__all__ = ["accounts", "bp", "transactions", "users", "webhooks"]
