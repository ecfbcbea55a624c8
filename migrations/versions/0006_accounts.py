"""Refresh tokens that reveal their reuse, keys for machines, and the trail of what happens to users."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = False, now: bool = False) -> sa.Column[object]:
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def upgrade() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        _moment("created_at", now=True),
        _moment("used_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["user_sessions.id"],
            name=op.f("fk_refresh_tokens_session_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_tokens")),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])
    op.create_index(
        "uq_refresh_tokens_unused",
        "refresh_tokens",
        ["session_id"],
        unique=True,
        postgresql_where=sa.text("used_at IS NULL"),
    )
    op.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id, created_at) "
        "SELECT refresh_hash, id, created_at FROM user_sessions WHERE refresh_hash IS NOT NULL"
    )
    op.drop_constraint("uq_user_sessions_refresh_hash", "user_sessions", type_="unique")
    op.drop_column("user_sessions", "refresh_hash")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=20), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.String(length=100)), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        _moment("created_at", now=True),
        _moment("expires_at"),
        _moment("last_used_at", nullable=True),
        _moment("revoked_at", nullable=True),
        sa.CheckConstraint(
            "cardinality(permissions) > 0", name=op.f("ck_api_keys_scope_not_empty")
        ),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_api_keys_expires_later")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_api_keys_created_by")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])
    op.create_index(
        "uq_api_keys_name_in_use",
        "api_keys",
        ["user_id", "name"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "account_events",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column(
            "changes", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        _moment("created_at", now=True),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_account_events_actor_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_account_events_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_events")),
    )
    op.create_index(
        "ix_account_events_user_id_created_at", "account_events", ["user_id", "created_at"]
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON account_events "
        "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(
        "CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON account_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    )


def downgrade() -> None:
    op.drop_table("account_events")
    op.drop_table("api_keys")
    op.add_column("user_sessions", sa.Column("refresh_hash", sa.String(length=64), nullable=True))
    op.execute(
        "UPDATE user_sessions SET refresh_hash = token_hash FROM refresh_tokens "
        "WHERE session_id = user_sessions.id AND used_at IS NULL"
    )
    op.create_unique_constraint("uq_user_sessions_refresh_hash", "user_sessions", ["refresh_hash"])
    op.drop_table("refresh_tokens")
