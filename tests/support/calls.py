"""The evidence of calls, and time that passes for it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, text

from webapp.kernel.database import db


def pass_time(seconds: float) -> None:
    """Let time pass for the calls of the table."""
    age_calls(db.session.connection(), seconds)
    db.session.commit()


def age_calls(connection: Connection, seconds: float) -> None:
    """Set all moments of the calls back; the caller commits."""
    connection.execute(text("ALTER TABLE bank_calls DISABLE TRIGGER USER"))
    connection.execute(
        text(
            "UPDATE bank_calls SET requested_at = requested_at - :s, gives_up_at = gives_up_at - :s,"
            " completed_at = completed_at - :s"
        ),
        {"s": timedelta(seconds=seconds)},
    )
    connection.execute(text("ALTER TABLE bank_calls ENABLE TRIGGER USER"))
