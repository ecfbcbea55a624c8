"""Add the payments that stood before their totals were kept.

No lock on the payments is needed: one statement sees the payments and what is kept of them at the same instant, and appends the
difference like any other change.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

DIMENSIONS = "bank_environment, status, bank, transaction_type, created_by, day"
MISSING = f"""
INSERT INTO transaction_total_changes ({DIMENSIONS}, payments, declared, arrived)
SELECT {DIMENSIONS}, sum(payments), sum(declared), sum(arrived) FROM (
  SELECT bank_environment, status, bank, transaction_type,
    coalesce(created_by, '00000000-0000-0000-0000-000000000000'::uuid) AS created_by,
    (created_at AT TIME ZONE INTERVAL '-04:00')::date AS day,
    1 AS payments, coalesce(amount, 0) AS declared, coalesce(bank_amount, amount, 0) AS arrived
  FROM transactions WHERE deleted_at IS NULL
  UNION ALL SELECT {DIMENSIONS}, -payments, -declared, -arrived FROM transaction_total_changes
) AS counted GROUP BY {DIMENSIONS}
HAVING sum(payments) <> 0 OR sum(declared) <> 0 OR sum(arrived) <> 0
"""  # noqa: S608


def upgrade() -> None:
    op.execute(MISSING)


def downgrade() -> None:
    """Leave the totals as they are: the revision before removes them with their tables."""
