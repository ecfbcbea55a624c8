"""How many payments a search by the beginning of a name finds is kept, like the other totals.

A change names the payment's name besides what it counted by so far; whoever folds changes takes them out of their table, and a
trigger then adds them to the totals of the beginnings of the name's words: so a worker of the version before folds them as well.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLE = "transaction_name_totals"
MONTHS = "transaction_name_months"
NAMES = "transaction_names"
KEY = "prefix, status, transaction_type, bank, created_by"
ENUMS = {
    "status": "transaction_status",
    "transaction_type": "transaction_type",
    "bank": "bank_type",
}
NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
DAY = "(created_at AT TIME ZONE INTERVAL '-04:00')::date"  # the day in Caracas
DIMENSIONS = "bank_environment, status, bank, transaction_type, created_by, day"
FROM_ROW = (
    "{row}.bank_environment, {row}.status, {row}.bank, {row}.transaction_type, coalesce({row}.created_by, {nobody}), {day}, {name}"
    "{sign}1, {sign}coalesce({row}.amount, 0), {sign}coalesce({row}.bank_amount, {row}.amount, 0)"
)

PREFIXES = """
CREATE FUNCTION name_prefixes(name text) RETURNS SETOF text LANGUAGE sql IMMUTABLE ROWS 20 AS $$
  SELECT DISTINCT left(word, letters) FROM unnest(string_to_array(name, ' ')) AS word
  CROSS JOIN LATERAL generate_series(1, length(word)) AS letters
$$
"""
FOLD = f"""
CREATE FUNCTION transaction_total_changes_add_to_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {TABLE} ({KEY}, payments)
  SELECT {KEY}, sum(payments) FROM (
    SELECT name, status, transaction_type, bank, created_by, sum(payments) AS payments FROM old_rows
    WHERE name IS NOT NULL GROUP BY 1, 2, 3, 4, 5 HAVING sum(payments) <> 0
  ) AS named CROSS JOIN LATERAL name_prefixes(named.name) AS prefix
  GROUP BY {KEY} HAVING sum(payments) <> 0 ORDER BY {KEY}
  ON CONFLICT ({KEY}) DO UPDATE SET payments = {TABLE}.payments + excluded.payments;
  INSERT INTO {MONTHS} (prefix, month, payments)
  SELECT prefix, month, sum(payments) FROM (
    SELECT name, date_trunc('month', day)::date AS month, sum(payments) AS payments FROM old_rows
    WHERE name IS NOT NULL GROUP BY 1, 2 HAVING sum(payments) <> 0
  ) AS named CROSS JOIN LATERAL name_prefixes(named.name) AS prefix
  GROUP BY prefix, month HAVING sum(payments) <> 0 ORDER BY prefix, month
  ON CONFLICT (prefix, month) DO UPDATE SET payments = {MONTHS}.payments + excluded.payments;
  INSERT INTO {NAMES} (name, payments)
  SELECT name, sum(payments) FROM old_rows WHERE name IS NOT NULL GROUP BY name HAVING sum(payments) <> 0 ORDER BY name
  ON CONFLICT (name) DO UPDATE SET payments = {NAMES}.payments + excluded.payments;
  RETURN NULL;
END $$
"""  # noqa: S608 - names of our own columns
EMPTY = """
CREATE OR REPLACE FUNCTION transactions_empty_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE transaction_totals, transaction_total_changes{names};
  RETURN NULL;
END $$
"""
WEIGHED = (
    "bank_environment", "status", "bank", "transaction_type", "created_by", "created_at", "deleted_at", "amount", "bank_amount",
)  # fmt: skip
LOCK = "LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE"
"""In the order in which writers lock: payments, then changes. Held for milliseconds, while nothing is read or filled."""


def upgrade() -> None:
    op.execute(LOCK)
    op.create_table(
        TABLE,
        sa.Column("prefix", sa.String(255, collation="C"), nullable=False),
        *(
            sa.Column(name, postgresql.ENUM(name=enum, create_type=False), nullable=False)
            for name, enum in ENUMS.items()
        ),
        sa.Column("created_by", sa.Uuid, nullable=False),
        sa.Column("payments", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(*KEY.split(", "), name=op.f(f"pk_{TABLE}")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        MONTHS,
        sa.Column("prefix", sa.String(255, collation="C"), nullable=False),
        sa.Column("month", sa.Date, nullable=False),
        sa.Column("payments", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("prefix", "month", name=op.f(f"pk_{MONTHS}")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        NAMES,
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("payments", sa.BigInteger, nullable=False),
        sa.Column(
            "words",
            postgresql.TSVECTOR,
            sa.Computed("to_tsvector('simple', name)", persisted=True),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("name", name=op.f(f"pk_{NAMES}")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(f"ix_{NAMES}_words", NAMES, ["words"], postgresql_using="gin")
    op.add_column("transaction_total_changes", sa.Column("name", sa.String(255), nullable=True))
    for statement in (PREFIXES, FOLD, EMPTY.format(names=f", {TABLE}, {MONTHS}, {NAMES}")):
        op.execute(statement)
    op.execute(
        "CREATE TRIGGER add_to_names AFTER DELETE ON transaction_total_changes REFERENCING OLD TABLE AS old_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION transaction_total_changes_add_to_names()"
    )
    _append(with_names=True)


def downgrade() -> None:
    op.execute(LOCK)
    _append(with_names=False)
    op.execute("DROP TRIGGER add_to_names ON transaction_total_changes")
    op.execute("DROP FUNCTION transaction_total_changes_add_to_names()")
    op.execute(EMPTY.format(names=""))
    op.execute("DROP FUNCTION name_prefixes(text)")
    op.drop_column("transaction_total_changes", "name")
    op.drop_table(NAMES)
    op.drop_table(MONTHS)
    op.drop_table(TABLE)


def _append(*, with_names: bool) -> None:
    """Let the triggers on payments append changes with names, or without them as before."""
    columns = f"{DIMENSIONS}, {'name, ' if with_names else ''}payments, declared, arrived"
    append = f"INSERT INTO transaction_total_changes ({columns})"
    for function, rows, sign in (
        ("add_to_totals", "new_rows", ""),
        ("take_from_totals", "old_rows", "-"),
    ):
        op.execute(f"""
CREATE OR REPLACE FUNCTION transactions_{function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {append}
  SELECT bank_environment, status, bank, transaction_type, coalesce(created_by, {NOBODY}), {DAY},
    {"customer_name_search, " if with_names else ""}{sign}count(*),
    {sign}coalesce(sum(amount), 0), {sign}coalesce(sum(coalesce(bank_amount, amount)), 0)
  FROM {rows} WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6{", 7" if with_names else ""};
  RETURN NULL;
END $$
""")  # noqa: S608
    op.execute(f"""
CREATE OR REPLACE FUNCTION transactions_move_between_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.deleted_at IS NULL THEN
    {append} VALUES ({_values("OLD", "-", with_names=with_names)});
  END IF;
  IF NEW.deleted_at IS NULL THEN
    {append} VALUES ({_values("NEW", "", with_names=with_names)});
  END IF;
  RETURN NULL;
END $$
""")  # noqa: S608
    weighed = (*WEIGHED, "customer_name_search") if with_names else WEIGHED
    old, new = (", ".join(f"{row}.{name}" for name in weighed) for row in ("OLD", "NEW"))
    op.execute("DROP TRIGGER move_between_totals ON transactions")
    op.execute(
        f"CREATE TRIGGER move_between_totals AFTER UPDATE OF {', '.join(weighed)} ON transactions FOR EACH ROW"
        f" WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION transactions_move_between_totals()"
    )


def _values(row: str, sign: str, *, with_names: bool) -> str:
    return FROM_ROW.format(
        row=row,
        sign=sign,
        nobody=NOBODY,
        day=DAY.replace("created_at", f"{row}.created_at"),
        name=f"{row}.customer_name_search, " if with_names else "",
    )
