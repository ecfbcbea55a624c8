"""The bank in force in the running application, for pages and routes."""

from __future__ import annotations

from flask import current_app

from webapp.banking.connection import BankConnection


def bank() -> BankConnection:
    """Return the connection that `create_app` made from the settings."""
    connection: BankConnection = current_app.extensions["bank"]
    return connection
