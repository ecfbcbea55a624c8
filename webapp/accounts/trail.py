"""The trail of what happens to users: each event is written in the unit of work of its change, and never changed."""

from __future__ import annotations

import uuid
from typing import Any

from webapp.accounts.actions import AccountAction
from webapp.accounts.models import AccountEvent
from webapp.kernel.database import db
from webapp.kernel.permissions import Actor


def record(
    *, user_id: uuid.UUID, actor: Actor, action: AccountAction, changes: dict[str, Any]
) -> None:
    """Add an event to the current unit of work; `changes` holds nothing secret."""
    db.session.add(
        AccountEvent(
            user_id=user_id,
            actor_id=actor.id,
            key_id=actor.key_id,
            action=action.value,
            changes=changes,
        )
    )
