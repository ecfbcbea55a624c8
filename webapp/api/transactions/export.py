"""/api/v1/transactions/export: all payments of a filter as CSV (RFC 4180), in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from flask import Response
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from webapp.api.blueprint import bp
from webapp.api.contract import samples
from webapp.api.contract.operation import operation
from webapp.api.transactions import filters
from webapp.kernel import clock, csv_sheets
from webapp.kernel.permissions import Permission
from webapp.transactions import exporting
from webapp.web.guard import requires

log = structlog.get_logger(__name__)


@bp.get("/transactions/export", endpoint="export", strict_slashes=False)
@requires(Permission.TRANSACTION_READ)
@operation(
    "exportTransactions",
    "All payments of a filter as a sheet",
    tag="Transactions",
    query=filters.TransactionFilter,
    response_headers=("Content-Disposition",),
    sheet=samples.SHEET,
    responses={200: None},
)
def export() -> ResponseReturnValue:
    """Stream every payment of the filter, newest first."""
    parts = exporting.exported(filters.filters())
    response = Response(_lines(parts), content_type="text/csv; charset=utf-8")
    name = f"transactions-{clock.today():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _lines(parts: Iterator[Sequence[Sequence[Any]]]) -> Iterator[str]:
    yield csv_sheets.written([list(exporting.EXPORTED)])
    try:
        for rows in parts:
            yield csv_sheets.written(rows)
    except SQLAlchemyError as error:
        # The status is sent already: only an answer cut short can still tell the caller.
        log.error("export_cut_short", exc_info=error)
        raise
