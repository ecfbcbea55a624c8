"""The bodies that integrators send and receive about their webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from webapp.api.contract import formats, samples
from webapp.api.fields import Id
from webapp.api.strict_model import Body
from webapp.webhooks.events import DeliveryState, DisabledReason, EventType, Failure
from webapp.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webapp.webhooks.queries import DeliveryPage

Url = Annotated[str, Field(strict=True, max_length=2000), WithJsonSchema(formats.WEBHOOK_URL)]
Events = Annotated[list[EventType], Field(max_length=50, json_schema_extra={"minItems": 1})]
Description = Annotated[
    str, Field(strict=True, max_length=200), WithJsonSchema(formats.DESCRIPTION)
]


def _with_example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(use_attribute_docstrings=True, json_schema_extra={"examples": [example]})


class CreateWebhook(Body):
    """A webhook to register: an address and the events it subscribes to."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.NEW_WEBHOOK]})

    url: Url
    events: Events
    description: Description = ""


class ChangeWebhook(Body):
    """The parts of a webhook to change; parts that are left out or null stay."""

    model_config = ConfigDict(json_schema_extra={"examples": [samples.WEBHOOK_CHANGES]})

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    is_active: Annotated[bool, Field(strict=True)] | None = None


class WebhookOut(BaseModel):
    """A webhook, without its secrets."""

    model_config = _with_example(samples.WEBHOOK)

    id: Id
    url: str
    events: list[EventType]
    description: str
    owner_id: Id
    is_active: bool
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    previous_secret_expires_at: datetime | None
    """Until then the secret before the last rotation signs as well."""
    created_at: datetime

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> WebhookOut:
        """Show an endpoint without its secrets."""
        return cls.model_validate(_webhook_fields(endpoint))


class WebhookWithSecret(WebhookOut):
    """A webhook with its new secret, which only this response shows."""

    model_config = _with_example(samples.WEBHOOK_WITH_SECRET)

    secret: str

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> WebhookWithSecret:
        """Show an endpoint with its secret."""
        return cls.model_validate({**_webhook_fields(endpoint), "secret": endpoint.secret})


def _webhook_fields(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "events": endpoint.events,
        "description": endpoint.description,
        "owner_id": str(endpoint.user_id),
        "is_active": endpoint.is_active,
        "disabled_at": endpoint.disabled_at,
        "disabled_reason": endpoint.disabled_reason,
        "failing_since": endpoint.failing_since,
        "previous_secret_expires_at": endpoint.previous_secret_expires_at,
        "created_at": endpoint.created_at,
    }


class WebhookList(BaseModel):
    """One's own webhooks, oldest first; everybody's for an administrator."""

    model_config = _with_example({"items": [samples.WEBHOOK]})

    items: list[WebhookOut]


class DeliveryOut(BaseModel):
    """One message; its id is the `webhook-id` of every attempt."""

    model_config = _with_example(samples.DELIVERY)

    id: Id
    type: str
    status: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    gave_up_at: datetime | None
    created_at: datetime
    payload: dict[str, Any]

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> DeliveryOut:
        """Show a delivery without its attempts."""
        return cls.model_validate(_delivery_fields(delivery))


class AttemptOut(BaseModel):
    """One attempt to deliver a message."""

    attempted_at: datetime
    delivered: bool
    http_status: int | None
    failure: Failure | None
    latency_ms: int

    @classmethod
    def of(cls, attempt: WebhookAttempt) -> AttemptOut:
        """Show an attempt."""
        return cls.model_validate(attempt, from_attributes=True)


class DeliveryWithAttempts(DeliveryOut):
    """One message and all its attempts, oldest first."""

    model_config = _with_example(samples.DELIVERY_WITH_ATTEMPTS)

    log: list[AttemptOut]

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> DeliveryWithAttempts:
        """Show a delivery with its attempts, which must be loaded."""
        log = [AttemptOut.of(attempt) for attempt in delivery.log]
        return cls.model_validate({**_delivery_fields(delivery), "log": log})


def _delivery_fields(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": str(delivery.id),
        "type": delivery.event_type,
        "status": delivery.state,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "delivered_at": delivery.delivered_at,
        "gave_up_at": delivery.gave_up_at,
        "created_at": delivery.created_at,
        "payload": delivery.payload,
    }


class DeliveryList(BaseModel):
    """One page of deliveries, newest first."""

    model_config = _with_example(samples.DELIVERIES)

    items: list[DeliveryOut]
    total: int
    page: int
    size: int
    pages: int

    @classmethod
    def of(cls, page: DeliveryPage) -> DeliveryList:
        """Show one page."""
        return cls(
            items=[DeliveryOut.of(item) for item in page.items],
            total=page.total,
            page=page.number,
            size=page.size,
            pages=page.pages,
        )


class DeliveryFilter(BaseModel):
    """The filter of a webhook's deliveries."""

    model_config = ConfigDict(extra="ignore")

    status: DeliveryState | None = None
