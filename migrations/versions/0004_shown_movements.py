"""Every movement that the bank shows is kept as read, and a movement is known in all its spellings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What the dialect `status` showed before, as it would be kept now.
BACKFILL = """
UPDATE transactions SET
  movement_tail = CASE WHEN matched_movement IS NOT NULL THEN
    right(lpad(ltrim(coalesce(bank_reference, reference), '0'), 6, '0'), 6) END,
  shown_movements = CASE WHEN shown_movement IS NULL THEN '[]'::jsonb ELSE
    jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
      'identity', shown_movement,
      'state', CASE WHEN matched_movement IS NULL THEN 'unrecognised' ELSE 'settled' END,
      'word', coalesce(banesco_payload ->> 'status', ''),
      'reference', bank_reference,
      'amount', bank_amount::text,
      'currency', banesco_payload ->> 'currency',
      'day', CASE WHEN banesco_payload ->> 'date' ~ '^\\d{4}-\\d\\d-\\d\\d'
             THEN left(banesco_payload ->> 'date', 10) END,
      'phone', banesco_payload ->> 'customer_phone',
      'national_id', banesco_payload ->> 'customer_national_id',
      'concept', banesco_payload ->> 'concept'))) END
WHERE matched_movement IS NOT NULL OR shown_movement IS NOT NULL
"""


def upgrade() -> None:
    op.add_column(
        "transactions",
        sa.Column(
            "shown_movements",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
    )
    op.add_column("transactions", sa.Column("movement_tail", sa.String(6), nullable=True))
    op.execute(sa.text(BACKFILL.replace(":", "\\:")))
    op.create_check_constraint(
        op.f("ck_transactions_matched_has_tail"),
        "transactions",
        "matched_movement IS NULL OR movement_tail IS NOT NULL",
    )
    op.create_index(
        "ix_transactions_movement_tail",
        "transactions",
        ["movement_tail"],
        postgresql_where=sa.text("movement_tail IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_transactions_movement_tail", "transactions")
    op.drop_constraint(op.f("ck_transactions_matched_has_tail"), "transactions", type_="check")
    op.drop_column("transactions", "movement_tail")
    op.drop_column("transactions", "shown_movements")
