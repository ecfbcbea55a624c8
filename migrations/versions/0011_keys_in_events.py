"""Events keep the key that acted, and keys keep who made them and with which key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

EVENTS = ("transaction_events", "account_events")


def upgrade() -> None:
    op.add_column(
        "api_keys",
        sa.Column(
            "makers", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False
        ),
    )
    op.execute("UPDATE api_keys SET makers = ARRAY[created_by] WHERE created_by IS NOT NULL")
    op.add_column("api_keys", sa.Column("made_with", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_api_keys_made_with"), "api_keys", "api_keys", ["made_with"], ["id"]
    )
    op.create_index("ix_api_keys_made_with", "api_keys", ["made_with"])
    for table in EVENTS:
        # Events recorded before this migration keep NULL: which key acted was not written down.
        op.add_column(table, sa.Column("key_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(op.f(f"fk_{table}_key_id"), table, "api_keys", ["key_id"], ["id"])


def downgrade() -> None:
    for table in EVENTS:
        op.drop_column(table, "key_id")
    op.drop_index("ix_api_keys_made_with", "api_keys")
    op.drop_column("api_keys", "made_with")
    op.drop_column("api_keys", "makers")
