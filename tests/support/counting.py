"""How many statements a piece of work sends to the database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from webapp.kernel.database import db


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The statements that this thread sends while it is open, on the engine of the current application.

    What a request leaves to other threads is not its own cost, and ends when it ends.
    """
    statements: list[str] = []
    thread = threading.get_ident()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if threading.get_ident() == thread:
            statements.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
