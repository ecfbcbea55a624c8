"""The permissions that can be granted (ERD 6.2, DESIGN 7)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PERMISSIONS = {
    "transaction:create": "Log payments",
    "transaction:read": "See payments and ask the bank about them",
    "transaction:update": "Change payments that are not final",
    "transaction:delete": "Take payments out of the lists",
    "transaction:review": "Decide doubtful payments",
    "report:read": "See reports and exports",
    "admin:access": "Manage users, permissions and keys",
}

TABLE = sa.table("permissions", sa.column("name", sa.String), sa.column("description", sa.Text))


def upgrade() -> None:
    rows = [{"name": name, "description": text} for name, text in PERMISSIONS.items()]
    op.bulk_insert(TABLE, rows)


def downgrade() -> None:
    op.execute(TABLE.delete().where(TABLE.c.name.in_(PERMISSIONS)))
