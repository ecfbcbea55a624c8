"""Lists by status and kind, and the queue, are read in their order from an index, however many payments there are.

Indexes are built while everybody works, and the moments since which payments wait are filled in a thousand at a time.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NEWEST = ("status", "transaction_type", "created_by")
QUEUE = "ix_transactions_queue"
FILL = sa.text("""
UPDATE transactions SET review_since = came.since FROM (
  SELECT t.id, coalesce(max(e.created_at), t.updated_at) AS since
  FROM (
    SELECT id, updated_at FROM transactions
    WHERE status IN ('TO_REVIEW', 'UNKNOWN') AND review_since IS NULL AND deleted_at IS NULL LIMIT 1000
  ) AS t
  LEFT JOIN transaction_events e ON e.transaction_id = t.id AND e.new_status IN ('TO_REVIEW', 'UNKNOWN')
    AND (e.old_status IS NULL OR e.old_status NOT IN ('TO_REVIEW', 'UNKNOWN'))
  GROUP BY t.id, t.updated_at
) AS came WHERE transactions.id = came.id
""")


def upgrade() -> None:
    op.add_column(
        "transactions", sa.Column("review_since", sa.DateTime(timezone=True), nullable=True)
    )
    with op.get_context().autocommit_block():
        for column in NEWEST:
            op.create_index(
                f"ix_transactions_{column}_newest",
                "transactions",
                [column, sa.text("created_at DESC"), sa.text("id DESC")],
                postgresql_where=sa.text("deleted_at IS NULL"),
                postgresql_concurrently=True,
            )
        op.create_index(
            QUEUE,
            "transactions",
            [sa.text("coalesce(review_since, updated_at)"), "id"],
            postgresql_where=sa.text("deleted_at IS NULL AND status IN ('TO_REVIEW', 'UNKNOWN')"),
            postgresql_concurrently=True,
        )
        while op.get_bind().execute(FILL).rowcount:
            pass


def downgrade() -> None:
    op.drop_index(QUEUE, "transactions")
    for column in NEWEST:
        op.drop_index(f"ix_transactions_{column}_newest", "transactions")
    op.drop_column("transactions", "review_since")
