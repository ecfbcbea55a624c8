"""Fold appended changes into the totals, and prove that what is kept equals the payments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from webapp.kernel.database import db
from webapp.transactions.totals import derived

FOLDED_AT_ONCE = 20_000
_LOCK = 5_230_117
"""The advisory lock under which one process folds at a time."""

_DIMENSIONS = "bank_environment, status, bank, transaction_type, created_by"
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")
_FOLD = text(f"""
WITH taken AS (
  DELETE FROM transaction_total_changes WHERE id IN (
    SELECT id FROM transaction_total_changes ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
  ) RETURNING *
), folded AS (
  INSERT INTO transaction_totals (grain, period, {_DIMENSIONS}, payments, declared, arrived)
  SELECT grain, period, {_DIMENSIONS}, sum(payments), sum(declared), sum(arrived)
  FROM taken CROSS JOIN LATERAL (VALUES
    (0::smallint, DATE '0001-01-01'), (1::smallint, date_trunc('year', day)::date),
    (2::smallint, date_trunc('month', day)::date), (3::smallint, day)
  ) AS periods (grain, period)
  GROUP BY grain, period, {_DIMENSIONS} ORDER BY grain, period, {_DIMENSIONS}
  ON CONFLICT (grain, period, {_DIMENSIONS}) DO UPDATE SET
    payments = transaction_totals.payments + excluded.payments,
    declared = transaction_totals.declared + excluded.declared,
    arrived = transaction_totals.arrived + excluded.arrived
)
SELECT count(*) FROM taken
""")  # noqa: S608 - names of our own columns

_COMPARED = f"""
SELECT grain, period, {_DIMENSIONS}, sum(payments) AS payments, sum(declared) AS declared, sum(arrived) AS arrived
FROM (
  SELECT grain, period, {_DIMENSIONS}, payments, declared, arrived FROM transaction_totals
  UNION ALL
  SELECT grain, period, {_DIMENSIONS}, payments, declared, arrived
  FROM (
    SELECT {_DIMENSIONS}, day, payments, declared, arrived FROM transaction_total_changes
    UNION ALL
    SELECT bank_environment, status, bank, transaction_type,
      coalesce(created_by, '00000000-0000-0000-0000-000000000000'::uuid),
      (created_at AT TIME ZONE INTERVAL '-04:00')::date, -1, -coalesce(amount, 0), -coalesce(bank_amount, amount, 0)
    FROM transactions WHERE deleted_at IS NULL
  ) AS daily CROSS JOIN LATERAL (VALUES
    (0::smallint, DATE '0001-01-01'), (1::smallint, date_trunc('year', day)::date),
    (2::smallint, date_trunc('month', day)::date), (3::smallint, day)
  ) AS periods (grain, period)
) AS both_sides
GROUP BY grain, period, {_DIMENSIONS}
HAVING sum(payments) <> 0 OR sum(declared) <> 0 OR sum(arrived) <> 0
"""  # noqa: S608
_DIFFERENCES = text(f"{_COMPARED} ORDER BY grain DESC, period")
_REPAIR = text(f"""
INSERT INTO transaction_totals (grain, period, {_DIMENSIONS}, payments, declared, arrived)
SELECT grain, period, {_DIMENSIONS}, -payments, -declared, -arrived FROM ({_COMPARED}) AS wrong
ON CONFLICT (grain, period, {_DIMENSIONS}) DO UPDATE SET
  payments = transaction_totals.payments + excluded.payments,
  declared = transaction_totals.declared + excluded.declared,
  arrived = transaction_totals.arrived + excluded.arrived
""")  # noqa: S608


@dataclass(frozen=True)
class Difference:
    """Where a kept total and the payments disagree: what is kept minus what was counted."""

    grain: int
    period: date
    dimensions: Mapping[str, Any]
    payments: int
    declared: Decimal
    arrived: Decimal


def fold() -> int:
    """Fold the oldest changes into the totals; return how many, 0 also where another process folds."""
    folded = 0
    if db.session.scalar(_TRY_LOCK, {"lock": _LOCK}):
        folded = db.session.scalar(_FOLD, {"most": FOLDED_AT_ONCE}) or 0
    db.session.commit()
    return folded


def differences() -> list[Difference]:
    """Compare every kept total with the payments, in one statement and so at one instant; days come first."""
    db.session.execute(derived.LEISURELY)
    rows = db.session.execute(_DIFFERENCES).all()
    db.session.rollback()
    return [
        Difference(
            grain=row.grain,
            period=row.period,
            dimensions={name: getattr(row, name) for name in _DIMENSIONS.split(", ")},
            payments=int(row.payments),
            declared=row.declared,
            arrived=row.arrived,
        )
        for row in rows
    ]


def repair() -> None:
    """Make every kept total equal to the payments, while desks go on working."""
    db.session.execute(derived.LEISURELY)
    db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    db.session.execute(_REPAIR)
    derived.repair()
    db.session.commit()
