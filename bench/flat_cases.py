"""The requests that `flat` compares: every list, filter, pair of filters and search, on pages and API."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, text

PAGE_SIZES = {"page": 25, "api": 20}
LISTS = {"page": "/transactions", "api": "/api/v1/transactions"}
MIDDLE = text("""
SELECT reference, customer_phone, customer_national_id, transaction_id,
  (created_at AT TIME ZONE INTERVAL '-04:00')::date AS day, created_by
FROM transactions WHERE transaction_id = :key
""")
COUNTED = {
    "": "true",
    "status TO_REVIEW": "status = 'TO_REVIEW'",
    "status COMPLETED": "status = 'COMPLETED'",
}
NAMES = {
    "a name, its beginning": "mar",
    "a name, its beginning with an accent": "Már",
    "a surname": "garcía",
    "two words": "maria g",
    "a whole name": "ana garcia",
    "one letter": "m",
}


@dataclass(frozen=True)
class Case:
    """One request: its name is the same at every size, its address fits the rows."""

    name: str
    kind: str
    path: str


def cases(connection: Connection, rows: int) -> list[Case]:
    """Return the requests for a database with so many payments."""
    middle = connection.execute(MIDDLE, {"key": f"HIS-{rows // 2}"}).mappings().one()
    totals = {
        name: connection.scalar(
            text(f"SELECT count(*) FROM transactions WHERE deleted_at IS NULL AND {condition}")  # noqa: S608
        )
        or 0
        for name, condition in COUNTED.items()
    }
    found = [
        case
        for kind in LISTS
        for case in (
            *_far(kind, totals),
            *_searches(kind, dict(middle)),
            *_filters(kind, dict(middle)),
        )
    ]
    return [*found, *_surroundings(connection)]


def _far(kind: str, totals: dict[str, int]) -> Iterator[Case]:
    """Yield first, middle and last page of some lists."""
    for name, total in totals.items():
        wanted = {"status": name.split()[1]} if name else {}
        last = max(-(-total // PAGE_SIZES[kind]), 1)
        for place, number in (("first", 1), ("middle", last // 2), ("last", last)):
            label = f"{name}, {place} page".removeprefix(", ")
            yield _case(kind, label, {**wanted, "page": str(number)})


def _searches(kind: str, middle: dict[str, Any]) -> Iterator[Case]:
    for label, typed in NAMES.items():
        yield _case(kind, label, {"q": typed})
        yield _case(kind, f"{label}, second page", {"q": typed, "page": "2"})
    yield _case(kind, "reference in the search", {"q": middle["reference"]})
    yield _case(kind, "last six digits in the search", {"q": middle["reference"][-6:]})
    yield _case(kind, "last four digits in the search", {"q": middle["reference"][-4:]})
    yield _case(kind, "id in the search", {"q": middle["transaction_id"]})


def _filters(kind: str, middle: dict[str, Any]) -> Iterator[Case]:
    """Yield every filter alone, and every two of them together."""
    day = middle["day"].isoformat()
    fields: dict[str, dict[str, str]] = {
        "name": {"q": "mar"},
        "surname": {"q": "garcia"},
        "status TO_REVIEW": {"status": "TO_REVIEW"},
        "status UNKNOWN": {"status": "UNKNOWN"},
        "bank": {"bank": "MOBILE_TRANSFER"},
        "kind OTHER": {"transaction_type": "OTHER"},
        "kind TRANSACTION": {"transaction_type": "TRANSACTION"},
        "reference": {"reference": middle["reference"]},
        "phone": {"phone": middle["customer_phone"]},
        "cédula": {"national_id": middle["customer_national_id"]},
        "cashier": {"created_by": str(middle["created_by"])},
        "day": {"from_date": day, "to_date": day},
        "from the middle on": {"from_date": day},
        "until the middle": {"to_date": day},
    }
    for label, wanted in fields.items():
        yield _case(kind, label, wanted)
    for (one, these), (other, those) in itertools.combinations(fields.items(), 2):
        if not these.keys() & those.keys():
            yield _case(kind, f"{one} + {other}", {**these, **those})


def _case(kind: str, label: str, wanted: dict[str, str]) -> Case:
    return Case(f"{kind} / {label}", kind, f"{LISTS[kind]}?{urlencode(wanted)}")


def _surroundings(connection: Connection) -> Iterator[Case]:
    """Yield the other pages that lists of payments, calls and people stand behind."""
    people = connection.scalar(text("SELECT count(*) FROM users WHERE deleted_at IS NULL")) or 0
    pages = {
        "Inicio": "/",
        "review queue": "/reviews",
        "users": "/admin/users",
        "users, last page": f"/admin/users?page={-(-people // 25)}",
        "users, a name": "/admin/users?q=admin",
        "users, inactive": "/admin/users?is_active=false",
        "users, role": "/admin/users?role=supervisor",
    }
    for label, path in pages.items():
        yield Case(f"page / {label}", "page", path)
    yield Case("api / users", "api", "/api/v1/users")
    yield Case("api / users, a name", "api", "/api/v1/users?q=admin")
    yield from _calls(connection)


def _calls(connection: Connection) -> Iterator[Case]:
    middle = connection.execute(
        text("""
        SELECT (requested_at AT TIME ZONE INTERVAL '-04:00')::date AS day, t.transaction_id
        FROM bank_calls JOIN transactions t ON t.id = bank_calls.transaction_id
        ORDER BY requested_at OFFSET (SELECT count(*) / 2 FROM bank_calls) LIMIT 1
        """)
    ).one()
    fields = {
        "environment": {"environment": "qa"},
        "dialect": {"dialect": "confirmation"},
        "operation": {"operation": "token"},
        "outcome": {"outcome": "unavailable"},
        "payment": {"transaction_id": middle.transaction_id},
        "from the middle on": {"from_date": middle.day.isoformat()},
        "until the middle": {"to_date": middle.day.isoformat()},
    }
    path = "/admin/bank-calls"
    yield Case("page / calls", "page", path)
    for label, wanted in fields.items():
        yield Case(f"page / calls, {label}", "page", f"{path}?{urlencode(wanted)}")
    for (one, these), (other, those) in itertools.combinations(fields.items(), 2):
        name = f"page / calls, {one} + {other}"
        yield Case(name, "page", f"{path}?{urlencode({**these, **those})}")
