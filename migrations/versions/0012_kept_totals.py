"""Totals of payments are kept, not counted: every change of a payment appends what it changes in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = ("bank_environment", "status", "bank", "transaction_type", "created_by")
SUMS = ("payments", "declared", "arrived")
NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
DAY = "(created_at AT TIME ZONE INTERVAL '-04:00')::date"  # the day in Caracas

APPEND = """
INSERT INTO transaction_total_changes
  (bank_environment, status, bank, transaction_type, created_by, day, payments, declared, arrived)
"""
# What payments add to the totals; deleted ones add nothing.
ADDED = f"""
SELECT bank_environment, status, bank, transaction_type, coalesce(created_by, {NOBODY}), {DAY}, {{sign}}count(*),
  {{sign}}coalesce(sum(amount), 0), {{sign}}coalesce(sum(coalesce(bank_amount, amount)), 0)
FROM {{rows}} WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608

ON_INSERT = f"""
CREATE FUNCTION transactions_add_to_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {APPEND}{ADDED.format(sign="", rows="new_rows")};
  RETURN NULL;
END $$
"""
ON_DELETE = f"""
CREATE FUNCTION transactions_take_from_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {APPEND}{ADDED.format(sign="-", rows="old_rows")};
  RETURN NULL;
END $$
"""
ON_UPDATE = f"""
CREATE FUNCTION transactions_move_between_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.deleted_at IS NULL THEN
    {APPEND}VALUES (OLD.bank_environment, OLD.status, OLD.bank, OLD.transaction_type, coalesce(OLD.created_by, {NOBODY}),
      {DAY.replace("created_at", "OLD.created_at")}, -1, -coalesce(OLD.amount, 0),
      -coalesce(OLD.bank_amount, OLD.amount, 0));
  END IF;
  IF NEW.deleted_at IS NULL THEN
    {APPEND}VALUES (NEW.bank_environment, NEW.status, NEW.bank, NEW.transaction_type, coalesce(NEW.created_by, {NOBODY}),
      {DAY.replace("created_at", "NEW.created_at")}, 1, coalesce(NEW.amount, 0),
      coalesce(NEW.bank_amount, NEW.amount, 0));
  END IF;
  RETURN NULL;
END $$
"""
ON_TRUNCATE = """
CREATE FUNCTION transactions_empty_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE transaction_totals, transaction_total_changes;
  RETURN NULL;
END $$
"""
WEIGHED = (
    "bank_environment",
    "status",
    "bank",
    "transaction_type",
    "created_by",
    "created_at",
    "deleted_at",
    "amount",
    "bank_amount",
)
TRIGGERS = (
    """CREATE TRIGGER add_to_totals AFTER INSERT ON transactions REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION transactions_add_to_totals()""",
    """CREATE TRIGGER take_from_totals AFTER DELETE ON transactions REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION transactions_take_from_totals()""",
    f"""CREATE TRIGGER move_between_totals AFTER UPDATE OF {", ".join(WEIGHED)} ON transactions
    FOR EACH ROW WHEN (({", ".join(f"OLD.{name}" for name in WEIGHED)}) IS DISTINCT FROM ({", ".join(f"NEW.{name}" for name in WEIGHED)}))
    EXECUTE FUNCTION transactions_move_between_totals()""",
    """CREATE TRIGGER empty_totals AFTER TRUNCATE ON transactions
    FOR EACH STATEMENT EXECUTE FUNCTION transactions_empty_totals()""",
)
FUNCTIONS = ("add_to_totals", "take_from_totals", "move_between_totals", "empty_totals")


def upgrade() -> None:
    op.create_table(
        "transaction_totals",
        sa.Column("grain", sa.SmallInteger, nullable=False),
        sa.Column("period", sa.Date, nullable=False),
        *_dimensions(),
        *_sums(),
        sa.PrimaryKeyConstraint("grain", "period", *KEY, name=op.f("pk_transaction_totals")),
        sa.CheckConstraint("grain BETWEEN 0 AND 3", name=op.f("ck_transaction_totals_grain_known")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "transaction_total_changes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        *_dimensions(),
        sa.Column("day", sa.Date, nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transaction_total_changes")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": "0",
            "autovacuum_vacuum_threshold": "2000",
        },
    )
    for statement in (ON_INSERT, ON_DELETE, ON_UPDATE, ON_TRUNCATE, *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    for name in FUNCTIONS:
        op.execute(f"DROP TRIGGER {name} ON transactions")
        op.execute(f"DROP FUNCTION transactions_{name}()")
    op.drop_table("transaction_total_changes")
    op.drop_table("transaction_totals")


def _dimensions() -> list[sa.Column[object]]:
    enums = {
        "status": "transaction_status",
        "bank": "bank_type",
        "transaction_type": "transaction_type",
    }
    return [
        sa.Column("bank_environment", sa.String(20), nullable=False),
        *(
            sa.Column(name, postgresql.ENUM(name=enum, create_type=False), nullable=False)
            for name, enum in enums.items()
        ),
        sa.Column("created_by", sa.Uuid, nullable=False),
    ]


def _sums() -> list[sa.Column[object]]:
    return [
        sa.Column("payments", sa.BigInteger, nullable=False),
        sa.Column("declared", sa.Numeric(20, 2), nullable=False),
        sa.Column("arrived", sa.Numeric(20, 2), nullable=False),
    ]
