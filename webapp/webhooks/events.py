"""What can be told to other programs, and how the telling can end; pure."""

from __future__ import annotations

from enum import StrEnum


class EventType(StrEnum):
    """What happened to a payment; the values stand in subscriptions, payloads and tables."""

    COMPLETED = "transaction.completed"
    TO_REVIEW = "transaction.to_review"
    CANCELED = "transaction.canceled"
    UNKNOWN = "transaction.unknown"
    UPDATED = "transaction.updated"


TEST_EVENT = "webhook.test"
"""Sent on request only, to the one address that it was asked for."""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


class DisabledReason(StrEnum):
    """Why nothing is sent to an address any more."""

    BY_OWNER = "by_owner"
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """Nothing reached it for days."""


class Failure(StrEnum):
    """Why an attempt did not deliver."""

    STATUS = "status"
    """It answered, but not with 2xx."""
    REDIRECT = "redirect"
    """It pointed elsewhere, where nobody follows."""
    TIMEOUT = "timeout"
    NAME = "name"
    """Its name cannot be resolved."""
    ADDRESS = "address"
    """Its name now leads to an address that is refused."""
    CONNECTION = "connection"
    TLS = "tls"
    PROTOCOL = "protocol"
    """What it answered is not HTTP."""
