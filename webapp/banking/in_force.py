"""The bank in force in the running application, for pages and routes."""

from __future__ import annotations

from flask import current_app, g

from webapp.banking import availability
from webapp.banking.availability import Health
from webapp.banking.connection import BankConnection


def bank() -> BankConnection:
    """Return the connection that `create_app` made from the settings."""
    connection: BankConnection = current_app.extensions["bank"]
    return connection


def health() -> Health:
    """Return whether the bank is answering, read once for a request: the banner and a page may both show it."""
    if "bank_health" not in g:
        g.bank_health = availability.current(bank().policy.environment)
    found: Health = g.bank_health
    return found
