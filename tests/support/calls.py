"""The evidence of calls, and time that passes for it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from webapp.kernel.database import db


def pass_time(seconds: float) -> None:
    """Let time pass for the calls of the table."""
    db.session.execute(text("ALTER TABLE bank_calls DISABLE TRIGGER USER"))
    db.session.execute(
        text(
            "UPDATE bank_calls SET requested_at = requested_at - :s, gives_up_at = gives_up_at - :s,"
            " completed_at = completed_at - :s"
        ),
        {"s": timedelta(seconds=seconds)},
    )
    db.session.execute(text("ALTER TABLE bank_calls ENABLE TRIGGER USER"))
    db.session.commit()
