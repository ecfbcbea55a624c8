"""The trail can only grow: the database refuses to change or remove events and finished bank calls."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFUSE = """
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def upgrade() -> None:
    op.execute(REFUSE)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON transaction_events "
        "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(
        "CREATE TRIGGER append_only_delete BEFORE DELETE ON bank_calls "
        "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(
        "CREATE TRIGGER append_only_update BEFORE UPDATE ON bank_calls "
        "FOR EACH ROW WHEN (OLD.completed_at IS NOT NULL) EXECUTE FUNCTION refuse_rewriting()"
    )
    for table in ("transaction_events", "bank_calls"):
        op.execute(
            f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
        )


def downgrade() -> None:
    op.execute("DROP TRIGGER append_only ON transaction_events")
    op.execute("DROP TRIGGER append_only_delete ON bank_calls")
    op.execute("DROP TRIGGER append_only_update ON bank_calls")
    for table in ("transaction_events", "bank_calls"):
        op.execute(f"DROP TRIGGER append_only_truncate ON {table}")
    op.execute("DROP FUNCTION refuse_rewriting()")
