"""Totals over all creators are kept beside those of each, so that a list's total reads few rows however many people log.

They follow the totals of each creator by triggers, in the statement that folds, whichever version of the worker runs it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLE = "transaction_sums"
BY_CREATOR = "ix_transaction_totals_of_creator"
KEY = "grain, status, transaction_type, bank, bank_environment, period"
ENUMS = {
    "status": "transaction_status",
    "transaction_type": "transaction_type",
    "bank": "bank_type",
}

FOLLOW = f"""
CREATE FUNCTION transaction_totals_add_to_sums() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {TABLE} ({KEY}, payments, declared, arrived)
  SELECT {KEY}, sum(payments), sum(declared), sum(arrived) FROM new_rows GROUP BY {KEY} ORDER BY {KEY}
  ON CONFLICT ({KEY}) DO UPDATE SET payments = {TABLE}.payments + excluded.payments,
    declared = {TABLE}.declared + excluded.declared, arrived = {TABLE}.arrived + excluded.arrived;
  RETURN NULL;
END $$
"""  # noqa: S608 - names of our own columns
LEAVE = FOLLOW.replace("add_to_sums", "take_from_sums").replace(
    "sum(payments), sum(declared), sum(arrived) FROM new_rows",
    "-sum(payments), -sum(declared), -sum(arrived) FROM old_rows",
)
BOTH = f"""FROM (
    SELECT {KEY}, payments, declared, arrived FROM new_rows
    UNION ALL SELECT {KEY}, -payments, -declared, -arrived FROM old_rows
  ) AS both_states"""  # noqa: S608
MOVE = FOLLOW.replace("add_to_sums", "change_sums").replace("FROM new_rows", BOTH)
EMPTY = f"""
CREATE FUNCTION transaction_totals_empty_sums() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE {TABLE};
  RETURN NULL;
END $$
"""
TRIGGERS = {
    "add_to_sums": "AFTER INSERT ON transaction_totals REFERENCING NEW TABLE AS new_rows",
    "take_from_sums": "AFTER DELETE ON transaction_totals REFERENCING OLD TABLE AS old_rows",
    "change_sums": "AFTER UPDATE ON transaction_totals REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "empty_sums": "AFTER TRUNCATE ON transaction_totals",
}
# In the commit that makes the triggers: nobody folds meanwhile, and payments go on being logged.
FILL = f"""
INSERT INTO {TABLE} ({KEY}, payments, declared, arrived)
SELECT {KEY}, sum(payments), sum(declared), sum(arrived) FROM transaction_totals GROUP BY {KEY}
"""  # noqa: S608


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("grain", sa.SmallInteger, nullable=False),
        *(
            sa.Column(name, postgresql.ENUM(name=enum, create_type=False), nullable=False)
            for name, enum in ENUMS.items()
        ),
        sa.Column("bank_environment", sa.String(20), nullable=False),
        sa.Column("period", sa.Date, nullable=False),
        sa.Column("payments", sa.BigInteger, nullable=False),
        sa.Column("declared", sa.Numeric(20, 2), nullable=False),
        sa.Column("arrived", sa.Numeric(20, 2), nullable=False),
        sa.PrimaryKeyConstraint(*KEY.split(", "), name=op.f(f"pk_{TABLE}")),
        sa.CheckConstraint("grain BETWEEN 0 AND 3", name=op.f(f"ck_{TABLE}_grain_known")),
        postgresql_with={"fillfactor": "70"},
    )
    for statement in (FOLLOW, LEAVE, MOVE, EMPTY):
        op.execute(statement)
    for name, moment in TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER {name} {moment} FOR EACH STATEMENT EXECUTE FUNCTION transaction_totals_{name}()"
        )
    op.execute(FILL)
    with op.get_context().autocommit_block():
        op.create_index(
            BY_CREATOR,
            "transaction_totals",
            ["created_by", *KEY.split(", ")],
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(BY_CREATOR, "transaction_totals")
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON transaction_totals")
        op.execute(f"DROP FUNCTION transaction_totals_{name}()")
    op.drop_table(TABLE)
