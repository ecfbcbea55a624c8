"""What is due is found by the bank's environment: the other one's backlog is not read over and over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEX = "ix_transactions_due"
WAITING = "next_check_at IS NOT NULL AND deleted_at IS NULL"


def upgrade() -> None:
    _index(["bank_environment", "next_check_at"])
    # A worker with the wrong environment used to take what waits out of the queue for good.
    op.execute(
        "UPDATE transactions SET next_check_at = now() "
        "WHERE status = 'IN_PROGRESS' AND next_check_at IS NULL AND deleted_at IS NULL"
    )


def downgrade() -> None:
    _index(["next_check_at"])


def _index(columns: list[str]) -> None:
    op.drop_index(INDEX, "transactions")
    op.create_index(INDEX, "transactions", columns, postgresql_where=sa.text(WAITING))
