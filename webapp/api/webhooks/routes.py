"""/api/v1/webhooks: integrators register addresses for events and see how deliveries went."""

from __future__ import annotations

from flask import Response, current_app
from flask.typing import ResponseReturnValue

from webapp.api import paging, request_bodies
from webapp.api.blueprint import bp
from webapp.api.contract.operation import operation
from webapp.api.json_responses import json_response
from webapp.api.webhooks import schemas
from webapp.kernel.permissions import Permission
from webapp.web.guard import actor, requires
from webapp.webhooks import queries, service
from webapp.webhooks.addresses import Addresses
from webapp.webhooks.sending import Sender
from webapp.webhooks.service import EndpointChanges


def _addresses() -> Addresses:
    sender: Sender = current_app.extensions["webhooks"]
    return sender.addresses


@bp.post("/webhooks", endpoint="create_webhook", strict_slashes=False)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "createWebhook",
    "Register an address for events",
    tag="Webhooks",
    body=schemas.CreateWebhook,
    idempotent=True,
    shows_secret=True,
    codes={409: ("too_many_webhooks",)},
    responses={201: schemas.WebhookWithSecret},
)
def create() -> ResponseReturnValue:
    """Register an address; only this response shows its secret."""
    given = request_bodies.body(schemas.CreateWebhook)
    endpoint = service.register(
        actor=actor(),
        addresses=_addresses(),
        url=given.url,
        events=given.events,
        description=given.description,
    )
    return json_response(schemas.WebhookWithSecret.of(endpoint), 201)


@bp.get("/webhooks", endpoint="list_webhooks", strict_slashes=False)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "listWebhooks",
    "List webhooks, oldest first",
    tag="Webhooks",
    responses={200: schemas.WebhookList},
)
def list_() -> ResponseReturnValue:
    """List your own webhooks; everybody's for an administrator."""
    items = [schemas.WebhookOut.of(item) for item in queries.endpoints_of(actor())]
    return json_response(schemas.WebhookList(items=items))


@bp.get("/webhooks/<webhook_id>", endpoint="get_webhook", strict_slashes=False)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "getWebhook",
    "Read a webhook",
    tag="Webhooks",
    responses={200: schemas.WebhookOut},
)
def get(webhook_id: str) -> ResponseReturnValue:
    """Read one webhook."""
    return json_response(schemas.WebhookOut.of(queries.endpoint(actor(), webhook_id)))


@bp.patch("/webhooks/<webhook_id>", endpoint="change_webhook", strict_slashes=False)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "changeWebhook",
    "Change a webhook",
    tag="Webhooks",
    body=schemas.ChangeWebhook,
    responses={200: schemas.WebhookOut},
)
def change(webhook_id: str) -> ResponseReturnValue:
    """Change parts of a webhook, or disable and enable it."""
    queries.endpoint(actor(), webhook_id)
    given = request_bodies.body(schemas.ChangeWebhook)
    changes = EndpointChanges(
        url=given.url,
        events=given.events,
        description=given.description,
        is_active=given.is_active,
    )
    changed = service.change(actor=actor(), key=webhook_id, addresses=_addresses(), changes=changes)
    return json_response(schemas.WebhookOut.of(changed))


@bp.delete("/webhooks/<webhook_id>", endpoint="delete_webhook", strict_slashes=False)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "deleteWebhook",
    "Remove a webhook",
    tag="Webhooks",
    responses={204: None},
)
def delete(webhook_id: str) -> ResponseReturnValue:
    """Remove a webhook with its deliveries, also those that were not sent yet."""
    service.remove(actor=actor(), key=webhook_id)
    return Response(status=204)


@bp.post(
    "/webhooks/<webhook_id>/rotate-secret", endpoint="rotate_webhook_secret", strict_slashes=False
)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "rotateWebhookSecret",
    "Give a webhook a new secret",
    tag="Webhooks",
    idempotent=True,
    shows_secret=True,
    responses={200: schemas.WebhookWithSecret},
)
def rotate_secret(webhook_id: str) -> ResponseReturnValue:
    """Make a new secret, which only this response shows; the old one signs beside it for 24 hours."""
    endpoint = service.rotate_secret(actor=actor(), key=webhook_id)
    return json_response(schemas.WebhookWithSecret.of(endpoint), 200)


@bp.post("/webhooks/<webhook_id>/test", endpoint="test_webhook", strict_slashes=False)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "testWebhook",
    "Send a test message",
    tag="Webhooks",
    idempotent=True,
    codes={409: ("webhook_disabled",)},
    responses={202: schemas.DeliveryOut},
)
def test(webhook_id: str) -> ResponseReturnValue:
    """Send a `webhook.test`; its delivery shows how it went."""
    delivery = service.send_test(actor=actor(), key=webhook_id)
    return json_response(schemas.DeliveryOut.of(delivery), 202)


@bp.get(
    "/webhooks/<webhook_id>/deliveries", endpoint="list_webhook_deliveries", strict_slashes=False
)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "listWebhookDeliveries",
    "List deliveries, newest first",
    tag="Webhooks",
    query=schemas.DeliveryFilter,
    paged=True,
    responses={200: schemas.DeliveryList},
)
def deliveries(webhook_id: str) -> ResponseReturnValue:
    """List messages that were or will be sent, a page at a time, newest first."""
    endpoint = queries.endpoint(actor(), webhook_id)
    offset, size = paging.requested_page()
    state = paging.query(schemas.DeliveryFilter).status
    page = queries.deliveries(endpoint.id, state=state, offset=offset, size=size)
    return json_response(schemas.DeliveryList.of(page))


@bp.get(
    "/webhooks/<webhook_id>/deliveries/<delivery_id>",
    endpoint="get_webhook_delivery",
    strict_slashes=False,
)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "getWebhookDelivery",
    "Read a delivery with its attempts",
    tag="Webhooks",
    responses={200: schemas.DeliveryWithAttempts},
)
def delivery(webhook_id: str, delivery_id: str) -> ResponseReturnValue:
    """Read one delivery with all its attempts."""
    endpoint = queries.endpoint(actor(), webhook_id)
    found = queries.delivery(endpoint.id, delivery_id)
    return json_response(schemas.DeliveryWithAttempts.of(found))


@bp.post(
    "/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver",
    endpoint="redeliver_webhook",
    strict_slashes=False,
)
@requires(Permission.WEBHOOK_MANAGE)
@operation(
    "redeliverWebhook",
    "Send a delivery again",
    tag="Webhooks",
    idempotent=True,
    codes={409: ("webhook_disabled",)},
    responses={202: schemas.DeliveryOut},
)
def redeliver(webhook_id: str, delivery_id: str) -> ResponseReturnValue:
    """Send a delivery now, whether it was delivered before or not."""
    again = service.redeliver(actor=actor(), key=webhook_id, delivery_key=delivery_id)
    return json_response(schemas.DeliveryOut.of(again), 202)
