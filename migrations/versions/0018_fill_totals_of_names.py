"""Add the payments that stood before the totals of names were kept.

No lock on the payments is needed: one statement sees the payments and what is kept of them at the same instant, and adds the
difference. Nobody folds meanwhile: changes wait, and totals stay exact.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

FOLDING = 5_230_117
"""The advisory lock under which changes are folded."""
KEY = "prefix, status, transaction_type, bank, created_by"
NAMED = "name, status, transaction_type, bank, created_by"
# The beginnings of a name are worked out once, however many payments have it.
MISSING = f"""
INSERT INTO transaction_name_totals ({KEY}, payments)
WITH counted AS MATERIALIZED (
  SELECT {NAMED}, sum(payments) AS payments FROM (
    SELECT customer_name_search AS name, status, transaction_type, bank,
      coalesce(created_by, '00000000-0000-0000-0000-000000000000'::uuid) AS created_by, 1 AS payments
    FROM transactions WHERE deleted_at IS NULL
    UNION ALL SELECT {NAMED}, -payments FROM transaction_total_changes WHERE name IS NOT NULL
  ) AS rows GROUP BY {NAMED} HAVING sum(payments) <> 0
), beginnings AS MATERIALIZED (
  SELECT name, prefix FROM (SELECT DISTINCT name FROM counted) AS names CROSS JOIN LATERAL name_prefixes(name) AS prefix
)
SELECT {KEY}, sum(payments) FROM (
  SELECT {KEY}, payments FROM counted JOIN beginnings USING (name)
  UNION ALL SELECT {KEY}, -payments FROM transaction_name_totals
) AS compared GROUP BY {KEY} HAVING sum(payments) <> 0
ON CONFLICT ({KEY}) DO UPDATE SET payments = transaction_name_totals.payments + excluded.payments
"""  # noqa: S608 - names of our own columns
MISSING_MONTHS = """
INSERT INTO transaction_name_months (prefix, month, payments)
WITH counted AS MATERIALIZED (
  SELECT name, date_trunc('month', day)::date AS month, sum(payments) AS payments FROM (
    SELECT customer_name_search AS name, (created_at AT TIME ZONE INTERVAL '-04:00')::date AS day, 1 AS payments
    FROM transactions WHERE deleted_at IS NULL
    UNION ALL SELECT name, day, -payments FROM transaction_total_changes WHERE name IS NOT NULL
  ) AS rows GROUP BY 1, 2 HAVING sum(payments) <> 0
), beginnings AS MATERIALIZED (
  SELECT name, prefix FROM (SELECT DISTINCT name FROM counted) AS names CROSS JOIN LATERAL name_prefixes(name) AS prefix
)
SELECT prefix, month, sum(payments) FROM (
  SELECT prefix, month, payments FROM counted JOIN beginnings USING (name)
  UNION ALL SELECT prefix, month, -payments FROM transaction_name_months
) AS compared GROUP BY prefix, month HAVING sum(payments) <> 0
ON CONFLICT (prefix, month) DO UPDATE SET payments = transaction_name_months.payments + excluded.payments
"""
MISSING_NAMES = """
INSERT INTO transaction_names (name, payments)
SELECT name, sum(payments) FROM (
  SELECT customer_name_search AS name, 1 AS payments FROM transactions WHERE deleted_at IS NULL
  UNION ALL SELECT name, -payments FROM transaction_total_changes WHERE name IS NOT NULL
  UNION ALL SELECT name, -payments FROM transaction_names
) AS compared GROUP BY name HAVING sum(payments) <> 0
ON CONFLICT (name) DO UPDATE SET payments = transaction_names.payments + excluded.payments
"""


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute("SET LOCAL work_mem = '128MB'")
    op.execute(f"SELECT pg_advisory_xact_lock({FOLDING})")
    op.execute(MISSING)
    op.execute(MISSING_MONTHS)
    op.execute(MISSING_NAMES)


def downgrade() -> None:
    """Leave the totals as they are: the revision before removes them with their table."""
