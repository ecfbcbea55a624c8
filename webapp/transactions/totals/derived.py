"""Prove and set right what follows the totals by triggers: sums over all creators, and totals of names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from webapp.kernel.database import db

_PERIOD = "grain, status, transaction_type, bank, bank_environment, period"
_SUMS = f"""
SELECT {_PERIOD}, sum(payments) AS payments, sum(declared) AS declared, sum(arrived) AS arrived FROM (
  SELECT {_PERIOD}, payments, declared, arrived FROM transaction_sums
  UNION ALL SELECT {_PERIOD}, -payments, -declared, -arrived FROM transaction_totals
) AS both_sides GROUP BY {_PERIOD} HAVING sum(payments) <> 0 OR sum(declared) <> 0 OR sum(arrived) <> 0
"""  # noqa: S608 - names of our own columns
_REPAIR_SUMS = text(f"""
INSERT INTO transaction_sums ({_PERIOD}, payments, declared, arrived)
SELECT {_PERIOD}, -payments, -declared, -arrived FROM ({_SUMS}) AS wrong
ON CONFLICT ({_PERIOD}) DO UPDATE SET payments = transaction_sums.payments + excluded.payments,
  declared = transaction_sums.declared + excluded.declared, arrived = transaction_sums.arrived + excluded.arrived
""")  # noqa: S608

_PREFIX = "prefix, status, transaction_type, bank, created_by"
_NAME = "name, status, transaction_type, bank, created_by"
# The beginnings of a name are worked out once, however many payments have it.
_BEGINNINGS = """beginnings AS MATERIALIZED (
  SELECT name, prefix FROM (SELECT DISTINCT name FROM counted) AS names CROSS JOIN LATERAL name_prefixes(name) AS prefix
)"""
_NAMES = f"""
WITH counted AS MATERIALIZED (
  SELECT {_NAME}, sum(payments) AS payments FROM (
    SELECT {_NAME}, payments FROM transaction_total_changes WHERE name IS NOT NULL
    UNION ALL SELECT customer_name_search, status, transaction_type, bank,
      coalesce(created_by, '00000000-0000-0000-0000-000000000000'::uuid), -1
    FROM transactions WHERE deleted_at IS NULL
  ) AS rows GROUP BY {_NAME} HAVING sum(payments) <> 0
), {_BEGINNINGS}
SELECT {_PREFIX}, sum(payments) AS payments FROM (
  SELECT {_PREFIX}, payments FROM transaction_name_totals
  UNION ALL SELECT {_PREFIX}, payments FROM counted JOIN beginnings USING (name)
) AS both_sides GROUP BY {_PREFIX} HAVING sum(payments) <> 0
"""  # noqa: S608
_REPAIR_NAMES = text(f"""
INSERT INTO transaction_name_totals ({_PREFIX}, payments) SELECT {_PREFIX}, -payments FROM ({_NAMES}) AS wrong
ON CONFLICT ({_PREFIX}) DO UPDATE SET payments = transaction_name_totals.payments + excluded.payments
""")  # noqa: S608
_MONTH = "prefix, month"
_MONTHS = f"""
WITH counted AS MATERIALIZED (
  SELECT name, date_trunc('month', day)::date AS month, sum(payments) AS payments FROM (
    SELECT name, day, payments FROM transaction_total_changes WHERE name IS NOT NULL
    UNION ALL SELECT customer_name_search, (created_at AT TIME ZONE INTERVAL '-04:00')::date, -1
    FROM transactions WHERE deleted_at IS NULL
  ) AS rows GROUP BY 1, 2 HAVING sum(payments) <> 0
), {_BEGINNINGS}
SELECT prefix, month, sum(payments) AS payments FROM (
  SELECT prefix, month, payments FROM transaction_name_months
  UNION ALL SELECT prefix, month, payments FROM counted JOIN beginnings USING (name)
) AS both_sides GROUP BY prefix, month HAVING sum(payments) <> 0
"""  # noqa: S608
_REPAIR_MONTHS = text(f"""
INSERT INTO transaction_name_months (prefix, month, payments) SELECT prefix, month, -payments FROM ({_MONTHS}) AS wrong
ON CONFLICT (prefix, month) DO UPDATE SET payments = transaction_name_months.payments + excluded.payments
""")  # noqa: S608
_WHOLE = """
SELECT name, sum(payments) AS payments FROM (
  SELECT name, payments FROM transaction_names
  UNION ALL SELECT name, payments FROM transaction_total_changes WHERE name IS NOT NULL
  UNION ALL SELECT customer_name_search, -1 FROM transactions WHERE deleted_at IS NULL
) AS both_sides GROUP BY name HAVING sum(payments) <> 0
"""
_REPAIR_WHOLE = text(f"""
INSERT INTO transaction_names (name, payments) SELECT name, -payments FROM ({_WHOLE}) AS wrong
ON CONFLICT (name) DO UPDATE SET payments = transaction_names.payments + excluded.payments
""")  # noqa: S608
LEISURELY = text("SELECT set_config('statement_timeout', '0', true)")
"""Lets a statement that reads all payments take longer than any request, until the unit of work ends."""


_COMPARED = ((_PERIOD, _SUMS), (_PREFIX, _NAMES), (_MONTH, _MONTHS), ("name", _WHOLE))


@dataclass(frozen=True)
class Deviation:
    """Where something that follows the totals disagrees: what is kept minus what it should be."""

    of: Mapping[str, Any]
    payments: int


def deviations() -> list[Deviation]:
    """Compare the sums with the totals, and the totals of names with the payments."""
    db.session.execute(LEISURELY)
    found = [
        Deviation({name: getattr(row, name) for name in names.split(", ")}, int(row.payments))
        for names, query in _COMPARED
        for row in db.session.execute(text(query))
    ]
    db.session.rollback()
    return found


def repair() -> None:
    """Set the sums and the totals of names right, in the unit of work in which nobody else folds."""
    db.session.execute(LEISURELY)
    for statement in (_REPAIR_SUMS, _REPAIR_NAMES, _REPAIR_MONTHS, _REPAIR_WHOLE):
        db.session.execute(statement)
