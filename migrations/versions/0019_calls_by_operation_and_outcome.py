"""Calls of one operation that ended in one way are read in their order from an index.

Where few calls have both, thousands of those with one of the two were looked through.
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NAME = "ix_bank_calls_operation_outcome_requested_at"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            NAME,
            "bank_calls",
            ["operation", "outcome", "requested_at"],
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(NAME, "bank_calls")
