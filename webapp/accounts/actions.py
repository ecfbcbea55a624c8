"""The actions that the trail of a user knows (pure)."""

from __future__ import annotations

from enum import StrEnum


class AccountAction(StrEnum):
    """What can happen to a user; the values stand in the table `account_events`."""

    CREATED = "CREATED"
    CHANGED = "CHANGED"
    KEY_CREATED = "KEY_CREATED"
    KEY_REVOKED = "KEY_REVOKED"
    TOKEN_REUSED = "TOKEN_REUSED"  # noqa: S105
