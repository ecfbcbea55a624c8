"""The floor: a bare psycopg2 program that answers the API's JSON from the API's SQL, and does nothing else.

It checks the session, reads or writes the rows and writes the JSON. No limits, no metrics, no log, no validation, no bank.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import psycopg2
from psycopg2 import extensions

SESSION = """
SELECT u.id, u.full_name, array_agg(p.name) FROM user_sessions s JOIN users u ON u.id = s.user_id
JOIN user_permissions up ON up.user_id = u.id JOIN permissions p ON p.id = up.permission_id
WHERE s.id = %s AND s.ended_at IS NULL AND s.expires_at > now() AND u.is_active GROUP BY u.id
"""
FIELDS = """
id, transaction_id, status, bank, transaction_type, reference, customer_full_name, customer_phone, customer_national_id, concept,
amount, currency, payer_bank, operation_date, bank_amount, bank_reference, reasons, banesco_payload, version, created_at, updated_at
"""
ONE = f"SELECT {FIELDS} FROM transactions WHERE transaction_id = %s AND deleted_at IS NULL"  # noqa: S608
LIST = f"""SELECT {FIELDS} FROM transactions WHERE deleted_at IS NULL {{where}}
ORDER BY created_at DESC, id DESC LIMIT 20"""  # noqa: S608
COUNT = "SELECT count(*) FROM transactions WHERE deleted_at IS NULL {where}"
CREATE = """
INSERT INTO transactions (id, transaction_id, bank, transaction_type, reference, reference_key, customer_full_name,
customer_name_search, customer_phone, customer_national_id, amount, submission_key, created_by, updated_by, next_check_at,
bank_environment) VALUES (%s, %s, %s, 'TRANSACTION', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now(), 'qa')
"""
EVENT = "INSERT INTO transaction_events (transaction_id, new_status, actor_id) VALUES (%s, 'IN_PROGRESS', %s)"

Start = Callable[[str, list[tuple[str, str]]], object]
_local = threading.local()


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Answer GET and POST under /api/v1/transactions; the bearer token is the session's id."""
    connection = _connection()
    path = environ["PATH_INFO"].removeprefix("/api/v1/transactions").strip("/")
    with connection, connection.cursor() as cursor:
        cursor.execute(SESSION, (environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer "),))
        session = cursor.fetchone()
        if session is None:
            return _answer(start, "401 Unauthorized", {"code": "invalid_token"})
        if environ["REQUEST_METHOD"] == "POST":
            return _answer(
                start, "201 Created", _created(cursor, session[0], json.load(environ["wsgi.input"]))
            )
        if path:
            cursor.execute(ONE, (path,))
            return _answer(start, "200 OK", _shown(cursor.fetchone()))
        return _answer(start, "200 OK", _listed(cursor, parse_qs(environ["QUERY_STRING"])))


def _connection() -> extensions.connection:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg2.connect(os.environ["FLOOR_DATABASE_URL"])
    found: extensions.connection = _local.connection
    return found


def _listed(cursor: Any, query: dict[str, list[str]]) -> dict[str, Any]:
    status = query.get("status", [None])[0]
    where = "AND status = %s" if status else ""
    values = (status,) if status else ()
    cursor.execute(COUNT.format(where=where), values)
    total = cursor.fetchone()[0]
    cursor.execute(LIST.format(where=where), values)
    items = [_shown(row) for row in cursor.fetchall()]
    return {
        "items": items,
        "total": total,
        "page": 1,
        "size": 20,
        "pages": -(-total // 20),
        "next_cursor": None,
    }


def _created(cursor: Any, user_id: str, given: dict[str, Any]) -> dict[str, Any]:
    row_id, customer = str(uuid.uuid4()), given["customer"]
    values = (
        row_id, given["transaction_id"], given["bank"], given["reference"], given["reference"], customer["full_name"],
        customer["full_name"].lower(), customer["phone"], customer["national_id"], given["amount"], uuid.uuid4().hex, user_id,
        user_id,
    )  # fmt: skip
    cursor.execute(CREATE, values)
    cursor.execute(EVENT, (row_id, user_id))
    return {
        **given,
        "id": row_id,
        "status": "IN_PROGRESS",
        "created_at": datetime.now(UTC).isoformat(),
    }


def _shown(row: Any) -> dict[str, Any]:
    return {
        "id": row[0], "transaction_id": row[1], "status": row[2], "bank": row[3], "transaction_type": row[4], "reference": row[5],
        "customer": {"full_name": row[6], "phone": row[7], "national_id": row[8], "concept": row[9]},
        "amount": None if row[10] is None else str(row[10]), "currency": row[11], "payer_bank": row[12],
        "operation_date": row[13] and row[13].isoformat(), "bank_amount": None if row[14] is None else str(row[14]),
        "bank_reference": row[15], "reasons": row[16], "banesco_details": row[17], "version": row[18],
        "created_at": row[19].isoformat(), "updated_at": row[20].isoformat(),
    }  # fmt: skip


def _answer(start: Start, status: str, content: dict[str, Any]) -> Iterable[bytes]:
    body = json.dumps(content).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
