"""Events that webhooks can subscribe to, and the states and failures of a delivery; pure."""

from __future__ import annotations

from enum import StrEnum


class EventType(StrEnum):
    """What happened to a payment; the values are those of subscriptions, payloads and tables."""

    COMPLETED = "transaction.completed"
    TO_REVIEW = "transaction.to_review"
    CANCELED = "transaction.canceled"
    UNKNOWN = "transaction.unknown"
    UPDATED = "transaction.updated"


TEST_EVENT = "webhook.test"
"""The event of a test message, sent on request to one endpoint."""


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


class DisabledReason(StrEnum):
    """Why an endpoint was disabled."""

    BY_OWNER = "by_owner"
    GONE = "gone"
    """The receiver answered 410 Gone."""
    FAILING = "failing"
    """Every attempt of several days failed."""


class Failure(StrEnum):
    """Why an attempt failed."""

    STATUS = "status"
    """The receiver answered with another status than 2xx or 3xx."""
    REDIRECT = "redirect"
    """The receiver answered 3xx; redirects are not followed."""
    TIMEOUT = "timeout"
    NAME = "name"
    """The host name cannot be resolved."""
    ADDRESS = "address"
    """The port, or an address that the name resolves to, is refused."""
    CONNECTION = "connection"
    TLS = "tls"
    PROTOCOL = "protocol"
    """The response is not HTTP."""
