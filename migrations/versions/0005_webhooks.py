"""Webhooks: endpoints, deliveries, attempts, and the permission to manage them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PERMISSION = "webhook:manage"
UUID = sa.text("gen_random_uuid()")
NOW = sa.text("now()")


def moment(name: str, **options: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), **options)  # type: ignore[arg-type]


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), server_default=UUID, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.String(length=50)), nullable=False),
        sa.Column("description", sa.String(length=200), server_default="", nullable=False),
        sa.Column("secret", sa.String(length=80), nullable=False),
        sa.Column("previous_secret", sa.String(length=80), nullable=True),
        moment("previous_secret_expires_at", nullable=True),
        moment("created_at", server_default=NOW, nullable=False),
        moment("disabled_at", nullable=True),
        sa.Column("disabled_reason", sa.String(length=20), nullable=True),
        moment("failing_since", nullable=True),
        moment("busy_until", nullable=True),
        moment("last_attempt_at", nullable=True),
        sa.CheckConstraint(
            "cardinality(events) > 0 AND events <@ ARRAY['transaction.completed', "
            "'transaction.to_review', 'transaction.canceled', 'transaction.unknown', "
            "'transaction.updated']::varchar[]",
            name=op.f("ck_webhook_endpoints_events_known"),
        ),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_reason IS NULL)",
            name=op.f("ck_webhook_endpoints_disabled_for_a_reason"),
        ),
        sa.CheckConstraint(
            "disabled_reason IN ('by_owner', 'gone', 'failing')",
            name=op.f("ck_webhook_endpoints_disabled_reason_known"),
        ),
        sa.CheckConstraint(
            "(previous_secret IS NULL) = (previous_secret_expires_at IS NULL)",
            name=op.f("ck_webhook_endpoints_previous_secret_ends"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_webhook_endpoints_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index("ix_webhook_endpoints_user_id", "webhook_endpoints", ["user_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), server_default=UUID, nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.String(length=50), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        moment("created_at", server_default=NOW, nullable=False),
        moment("next_attempt_at", nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        moment("delivered_at", nullable=True),
        moment("gave_up_at", nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(next_attempt_at, delivered_at, gave_up_at) = 1",
            name=op.f("ck_webhook_deliveries_one_state"),
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("fk_webhook_deliveries_endpoint_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "ix_webhook_deliveries_pending",
        "webhook_deliveries",
        ["endpoint_id", "next_attempt_at"],
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_deliveries_newest",
        "webhook_deliveries",
        ["endpoint_id", sa.text("created_at DESC"), sa.text("id DESC")],
    )
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])
    op.create_table(
        "webhook_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        moment("attempted_at", nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("failure", sa.String(length=20), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "delivered = (failure IS NULL)", name=op.f("ck_webhook_attempts_failed_for_a_reason")
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index("ix_webhook_attempts_delivery_id", "webhook_attempts", ["delivery_id", "id"])
    _refuse_rewriting()
    _add_permission()


def _refuse_rewriting() -> None:
    op.execute(
        "CREATE TRIGGER append_only_update BEFORE UPDATE ON webhook_attempts "
        "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    # Deeper than 0 is the cascade from the delivery, whose age or endpoint ended it.
    op.execute(
        "CREATE TRIGGER append_only_delete BEFORE DELETE ON webhook_attempts "
        "FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(
        "CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON webhook_attempts "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    )


def _add_permission() -> None:
    bind = op.get_bind()
    bind.execute(
        sa.text("INSERT INTO permissions (name, description) VALUES (:name, :text)"),
        {"name": PERMISSION, "text": "Register addresses that are told of events"},
    )
    # A user who holds the role but was left without any permission stays without.
    bind.execute(
        sa.text(
            "INSERT INTO user_permissions (user_id, permission_id) "
            "SELECT u.id, p.id FROM users u CROSS JOIN permissions p "
            "WHERE p.name = :name AND u.role IN ('integrator', 'admin') "
            "AND EXISTS (SELECT 1 FROM user_permissions held WHERE held.user_id = u.id)"
        ),
        {"name": PERMISSION},
    )


def downgrade() -> None:
    op.get_bind().execute(
        sa.text("DELETE FROM permissions WHERE name = :name"), {"name": PERMISSION}
    )
    op.drop_table("webhook_attempts")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")
