"""The tables of ERD 4.1 and DESIGN 3."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bank_health",
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("environment", name=op.f("pk_bank_health")),
    )
    op.create_table(
        "permissions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permissions")),
        sa.UniqueConstraint("name", name=op.f("uq_permissions_name")),
    )
    op.create_table(
        "rate_limits",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("resource_type", sa.String(length=50), nullable=False),
        sa.Column("resource_identifier", sa.String(length=255), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_count", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_limits")),
        sa.UniqueConstraint(
            "resource_type",
            "resource_identifier",
            "window_start",
            name=op.f("uq_rate_limits_resource_type_resource_identifier_window_start"),
        ),
    )
    op.create_index(
        "idx_rate_limits_resource",
        "rate_limits",
        ["resource_type", "resource_identifier"],
        unique=False,
    )
    op.create_index("idx_rate_limits_window_start", "rate_limits", ["window_start"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("full_name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=20), server_default="cashier", nullable=False),
        sa.Column("national_id", sa.String(length=10), nullable=True),
        sa.Column("phone_number", sa.String(length=11), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('cashier', 'supervisor', 'integrator', 'admin')",
            name=op.f("ck_users_role_known"),
        ),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("transaction_id", sa.String(length=100), nullable=False),
        sa.Column("id_assigned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "IN_PROGRESS",
                "COMPLETED",
                "CANCELED",
                "UNKNOWN",
                "TO_REVIEW",
                name="transaction_status",
            ),
            server_default="IN_PROGRESS",
            nullable=False,
        ),
        sa.Column("bank", sa.Enum("BANESCO", "MOBILE_TRANSFER", name="bank_type"), nullable=False),
        sa.Column(
            "transaction_type",
            sa.Enum("TRANSACTION", "COMMISSION", "OTHER", name="transaction_type"),
            server_default="TRANSACTION",
            nullable=False,
        ),
        sa.Column("reference", sa.String(length=20), nullable=False),
        sa.Column("reference_key", sa.String(length=60), nullable=True),
        sa.Column("customer_full_name", sa.String(length=255), nullable=False),
        sa.Column("customer_name_search", sa.String(length=255), nullable=False),
        sa.Column(
            "name_words",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple', customer_name_search)", persisted=True),
            nullable=False,
        ),
        sa.Column("customer_phone", sa.String(length=11), nullable=False),
        sa.Column("customer_national_id", sa.String(length=10), nullable=False),
        sa.Column("concept", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("currency", sa.String(length=3), server_default="VES", nullable=False),
        sa.Column("payer_bank", sa.String(length=4), nullable=True),
        sa.Column("operation_date", sa.Date(), nullable=True),
        sa.Column("receiving_account", sa.String(length=20), nullable=True),
        sa.Column("bank_reference", sa.String(length=50), nullable=True),
        sa.Column("bank_amount", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("shown_movement", sa.String(length=120), nullable=True),
        sa.Column("matched_movement", sa.String(length=120), nullable=True),
        sa.Column(
            "banesco_payload",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "reasons",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("submission_key", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checking_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "waiting_since",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "customer_national_id ~ '^[VE][0-9]{4,8}$'",
            name=op.f("ck_transactions_national_id_spelling"),
        ),
        sa.CheckConstraint(
            "customer_phone ~ '^04[0-9]{9}$'", name=op.f("ck_transactions_phone_spelling")
        ),
        sa.CheckConstraint(
            "reference ~ '^[0-9]{6,20}$'", name=op.f("ck_transactions_reference_digits")
        ),
        sa.CheckConstraint(
            "transaction_id ~ '^[A-Za-z0-9_-]{1,100}$'",
            name=op.f("ck_transactions_transaction_id_spelling"),
        ),
        sa.CheckConstraint(
            "(deleted_at IS NULL) = (reference_key IS NOT NULL)",
            name=op.f("ck_transactions_key_while_alive"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transactions_amount_positive")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_transactions_created_by")
        ),
        sa.ForeignKeyConstraint(
            ["updated_by"], ["users.id"], name=op.f("fk_transactions_updated_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
        sa.UniqueConstraint("created_by", "submission_key", name="uq_transactions_submission"),
        sa.UniqueConstraint("matched_movement", name=op.f("uq_transactions_matched_movement")),
        sa.UniqueConstraint("reference_key", "transaction_type", name="unique_reference_per_type"),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_transactions_transaction_id")),
    )
    op.create_index(
        "idx_transactions_created_at_status", "transactions", ["created_at", "status"], unique=False
    )
    op.create_index(
        "idx_transactions_customer_national_id",
        "transactions",
        ["customer_national_id"],
        unique=False,
    )
    op.create_index(
        "idx_transactions_customer_phone", "transactions", ["customer_phone"], unique=False
    )
    op.create_index("idx_transactions_reference", "transactions", ["reference"], unique=False)
    op.create_index("idx_transactions_status", "transactions", ["status"], unique=False)
    op.create_index(
        "idx_transactions_transaction_id", "transactions", ["transaction_id"], unique=False
    )
    op.create_index(
        "ix_transactions_due",
        "transactions",
        ["next_check_at"],
        unique=False,
        postgresql_where=sa.text("next_check_at IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_transactions_name_words",
        "transactions",
        ["name_words"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        "ix_transactions_newest",
        "transactions",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "user_permissions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("permission_id", sa.Uuid(), nullable=False),
        sa.Column(
            "granted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["granted_by"], ["users.id"], name=op.f("fk_user_permissions_granted_by")
        ),
        sa.ForeignKeyConstraint(
            ["permission_id"],
            ["permissions.id"],
            name=op.f("fk_user_permissions_permission_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_permissions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "permission_id", name=op.f("pk_user_permissions")),
    )
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("refresh_hash", sa.String(length=64), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("refresh_hash", name=op.f("uq_user_sessions_refresh_hash")),
    )
    op.create_index(
        "ix_user_sessions_last_seen_at",
        "user_sessions",
        ["last_seen_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_user_sessions_user_id", "user_sessions", ["user_id"], unique=False)
    op.create_table(
        "bank_calls",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("dialect", sa.String(length=20), nullable=False),
        sa.Column("operation", sa.String(length=30), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "requested_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("gives_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("bank_code", sa.String(length=50), nullable=True),
        sa.Column("detail", sa.String(length=200), nullable=True),
        sa.Column(
            "response", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("latency_ms", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transactions.id"], name=op.f("fk_bank_calls_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_calls")),
    )
    op.create_index("ix_bank_calls_requested_at", "bank_calls", ["requested_at"], unique=False)
    op.create_index(
        "ix_bank_calls_transaction_id_requested_at",
        "bank_calls",
        ["transaction_id", "requested_at"],
        unique=False,
    )
    op.create_table(
        "transaction_events",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column(
            "old_status",
            sa.Enum(
                "IN_PROGRESS",
                "COMPLETED",
                "CANCELED",
                "UNKNOWN",
                "TO_REVIEW",
                name="transaction_status",
            ),
            nullable=True,
        ),
        sa.Column(
            "new_status",
            sa.Enum(
                "IN_PROGRESS",
                "COMPLETED",
                "CANCELED",
                "UNKNOWN",
                "TO_REVIEW",
                name="transaction_status",
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor_type", sa.String(length=20), server_default="USER", nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "actor_type IN ('USER', 'SYSTEM', 'EXTERNAL')",
            name=op.f("ck_transaction_events_actor_type_known"),
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_transaction_events_actor_id")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transactions.id"],
            name=op.f("fk_transaction_events_transaction_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transaction_events")),
    )
    op.create_index(
        "idx_transaction_events_created_at", "transaction_events", ["created_at"], unique=False
    )
    op.create_index(
        "idx_transaction_events_transaction_id",
        "transaction_events",
        ["transaction_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("idx_transaction_events_transaction_id", table_name="transaction_events")
    op.drop_index("idx_transaction_events_created_at", table_name="transaction_events")
    op.drop_table("transaction_events")
    op.drop_index("ix_bank_calls_transaction_id_requested_at", table_name="bank_calls")
    op.drop_index("ix_bank_calls_requested_at", table_name="bank_calls")
    op.drop_table("bank_calls")
    op.drop_index("ix_user_sessions_user_id", table_name="user_sessions")
    op.drop_index(
        "ix_user_sessions_last_seen_at",
        table_name="user_sessions",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_table("user_sessions")
    op.drop_table("user_permissions")
    op.drop_index(
        "ix_transactions_newest",
        table_name="transactions",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index("ix_transactions_name_words", table_name="transactions", postgresql_using="gin")
    op.drop_index(
        "ix_transactions_due",
        table_name="transactions",
        postgresql_where=sa.text("next_check_at IS NOT NULL AND deleted_at IS NULL"),
    )
    op.drop_index("idx_transactions_transaction_id", table_name="transactions")
    op.drop_index("idx_transactions_status", table_name="transactions")
    op.drop_index("idx_transactions_reference", table_name="transactions")
    op.drop_index("idx_transactions_customer_phone", table_name="transactions")
    op.drop_index("idx_transactions_customer_national_id", table_name="transactions")
    op.drop_index("idx_transactions_created_at_status", table_name="transactions")
    op.drop_table("transactions")
    op.drop_table("users")
    op.drop_index("idx_rate_limits_window_start", table_name="rate_limits")
    op.drop_index("idx_rate_limits_resource", table_name="rate_limits")
    op.drop_table("rate_limits")
    op.drop_table("permissions")
    op.drop_table("bank_health")
    for name in ("transaction_status", "bank_type", "transaction_type"):
        op.execute(f"DROP TYPE {name}")
