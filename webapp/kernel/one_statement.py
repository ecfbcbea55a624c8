"""One statement as a whole unit of work: the server commits it as it ends, without BEGIN and COMMIT around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from webapp.kernel.database import db
from webapp.kernel.server_watch import CommitCut


def run(statement: str, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """Run a statement in psycopg2's spelling (`%(name)s`) and return its rows; when this returns, it is committed.

    A unit of work that is open already is committed with it. Raises DBAPIError, with a CommitCut as its `orig` where
    the connection broke and the statement may have been committed or not.
    """
    session = db.session()
    if session.in_transaction():
        rows = session.connection().exec_driver_sql(statement, values).all()
        session.commit()
        return rows
    alone = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    try:
        rows = alone.exec_driver_sql(statement, values).all()
    except DBAPIError as error:
        if error.connection_invalidated:
            error.orig = CommitCut(str(error.orig))
        raise
    session.commit()  # nothing is sent: the connection goes back, and who listens for commits hears of it
    return rows
