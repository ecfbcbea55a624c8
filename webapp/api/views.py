"""The API's routes, gathered on its blueprint."""

from __future__ import annotations

from webapp.api import accounts, docs, transactions
from webapp.api.blueprint import bp

__all__ = ["accounts", "bp", "docs", "transactions"]
