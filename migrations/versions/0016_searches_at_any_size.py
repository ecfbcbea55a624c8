"""The last digits of a reference, the payments of a name, and the users by name are read from an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

DIGITS = "ix_transactions_last_digits"
NAME = "ix_transactions_name"
USERS = "ix_users_by_name"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            DIGITS,
            "transactions",
            [sa.text("reverse(reference::text) text_pattern_ops")],
            postgresql_where=sa.text("deleted_at IS NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            NAME,
            "transactions",
            ["customer_name_search"],
            postgresql_where=sa.text("deleted_at IS NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            USERS,
            "users",
            [sa.text("lower(full_name)"), "id"],
            postgresql_where=sa.text("deleted_at IS NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(USERS, "users")
    op.drop_index(NAME, "transactions")
    op.drop_index(DIGITS, "transactions")
