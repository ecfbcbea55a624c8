"""Evidence of the bank: the digest of every answer, and of which bank's environment a payment is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXES = ("environment", "operation", "outcome")


def upgrade() -> None:
    op.add_column("bank_calls", sa.Column("digest", sa.String(length=64), nullable=True))
    for name in INDEXES:
        op.create_index(f"ix_bank_calls_{name}_requested_at", "bank_calls", [name, "requested_at"])
    op.add_column(
        "transactions",
        sa.Column("bank_environment", sa.String(length=20), server_default="qa", nullable=False),
    )
    # What was ever asked about at the real bank is real; everything else so far was a trial.
    op.execute(
        "UPDATE transactions SET bank_environment = 'production' WHERE id IN "
        "(SELECT transaction_id FROM bank_calls WHERE environment = 'production')"
    )
    op.create_check_constraint(
        op.f("ck_transactions_bank_environment_known"),
        "transactions",
        "bank_environment IN ('qa', 'production')",
    )
    op.drop_constraint(op.f("uq_transactions_matched_movement"), "transactions", type_="unique")
    op.create_unique_constraint(
        op.f("uq_transactions_bank_environment_matched_movement"),
        "transactions",
        ["bank_environment", "matched_movement"],
    )
    op.drop_constraint("unique_reference_per_type", "transactions", type_="unique")
    op.create_unique_constraint(
        "unique_reference_per_type",
        "transactions",
        ["bank_environment", "reference_key", "transaction_type"],
    )
    op.execute(
        "CREATE TRIGGER bank_environment_for_good BEFORE UPDATE OF bank_environment ON transactions "
        "FOR EACH ROW WHEN (OLD.bank_environment <> NEW.bank_environment) "
        "EXECUTE FUNCTION refuse_rewriting()"
    )


def downgrade() -> None:
    """What stands in both environments stays with the real payment: movements, and references."""
    op.execute("DROP TRIGGER bank_environment_for_good ON transactions")
    op.drop_constraint(
        op.f("uq_transactions_bank_environment_matched_movement"), "transactions", type_="unique"
    )
    op.execute(
        "UPDATE transactions trial SET matched_movement = NULL FROM transactions holder "
        "WHERE trial.matched_movement = holder.matched_movement "
        "AND trial.bank_environment = 'qa' AND holder.bank_environment = 'production'"
    )
    op.execute(
        "UPDATE transactions trial SET reference_key = 'qa:' || trial.reference_key "
        "FROM transactions holder WHERE trial.reference_key = holder.reference_key "
        "AND trial.transaction_type = holder.transaction_type "
        "AND trial.bank_environment = 'qa' AND holder.bank_environment = 'production'"
    )
    op.drop_constraint("unique_reference_per_type", "transactions", type_="unique")
    op.create_unique_constraint(
        "unique_reference_per_type", "transactions", ["reference_key", "transaction_type"]
    )
    op.create_unique_constraint(
        op.f("uq_transactions_matched_movement"), "transactions", ["matched_movement"]
    )
    op.drop_constraint(op.f("ck_transactions_bank_environment_known"), "transactions")
    op.drop_column("transactions", "bank_environment")
    for name in INDEXES:
        op.drop_index(f"ix_bank_calls_{name}_requested_at", table_name="bank_calls")
    op.drop_column("bank_calls", "digest")
