"""The limit of calls counts by what the bank is asked about, whichever payments it is asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INDEX = "ix_bank_calls_subject_requested_at"


def upgrade() -> None:
    # Calls recorded before this migration keep NULL: finished ones are append-only, and none counts for longer than
    # some minutes.
    op.add_column("bank_calls", sa.Column("subject", sa.String(length=64), nullable=True))
    op.create_index(
        INDEX,
        "bank_calls",
        ["subject", "requested_at"],
        postgresql_where=sa.text("subject IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(INDEX, "bank_calls")
    op.drop_column("bank_calls", "subject")
