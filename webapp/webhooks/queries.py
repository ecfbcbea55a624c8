"""What the API and the worker read of webhooks; each query loads all that its reader needs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import selectinload

from webapp.accounts.models import PermissionRow, User, UserPermission
from webapp.kernel.database import db
from webapp.kernel.errors import NotFound
from webapp.kernel.permissions import Actor, Permission
from webapp.webhooks.events import DeliveryState
from webapp.webhooks.models import WebhookDelivery, WebhookEndpoint

STATE_CONDITIONS: dict[DeliveryState, ColumnElement[bool]] = {
    DeliveryState.PENDING: WebhookDelivery.next_attempt_at.is_not(None),
    DeliveryState.DELIVERED: WebhookDelivery.delivered_at.is_not(None),
    DeliveryState.GAVE_UP: WebhookDelivery.gave_up_at.is_not(None),
}


@dataclass(frozen=True)
class DeliveryPage:
    """One page of an endpoint's deliveries, newest first, and how many there are in all."""

    items: list[WebhookDelivery]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        """Return how many pages there are."""
        return -(-self.total // self.size)


def accepts_deliveries() -> ColumnElement[bool]:
    """Select active endpoints whose owner may still manage webhooks and read payments."""
    owner_is_active = exists().where(
        User.id == WebhookEndpoint.user_id, User.is_active, User.deleted_at.is_(None)
    )
    return and_(
        WebhookEndpoint.disabled_at.is_(None),
        owner_is_active,
        _owner_has(Permission.WEBHOOK_MANAGE),
        _owner_has(Permission.TRANSACTION_READ),
    )


def _owner_has(permission: Permission) -> ColumnElement[bool]:
    return exists().where(
        UserPermission.user_id == WebhookEndpoint.user_id,
        UserPermission.permission_id == PermissionRow.id,
        PermissionRow.name == permission.value,
    )


def endpoints_of(actor: Actor) -> list[WebhookEndpoint]:
    """Return the actor's endpoints, oldest first; everybody's for an administrator."""
    query = _visible_to(actor).order_by(WebhookEndpoint.created_at, WebhookEndpoint.id)
    return list(db.session.scalars(query))


def endpoint(actor: Actor, key: str) -> WebhookEndpoint:
    """Return the endpoint with this id, if the actor may see it. Raises NotFound."""
    found = db.session.scalar(_visible_to(actor).where(WebhookEndpoint.id == _as_uuid(key)))
    if found is None:
        raise NotFound()
    return found


def locked_endpoint(endpoint_id: uuid.UUID) -> WebhookEndpoint | None:
    """Return the endpoint, locked until the end of the unit of work; messages can be staged meanwhile."""
    return db.session.scalar(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def count_endpoints_of(user_id: uuid.UUID) -> int:
    """Count the endpoints of a user."""
    return (
        db.session.scalar(
            select(func.count())
            .select_from(WebhookEndpoint)
            .where(WebhookEndpoint.user_id == user_id)
        )
        or 0
    )


def deliveries(
    endpoint_id: uuid.UUID, *, state: DeliveryState | None, offset: int, size: int
) -> DeliveryPage:
    """Return one page of an endpoint's deliveries, newest first."""
    conditions = [WebhookDelivery.endpoint_id == endpoint_id]
    if state is not None:
        conditions.append(STATE_CONDITIONS[state])
    total = db.session.scalar(select(func.count()).select_from(WebhookDelivery).where(*conditions))
    rows = db.session.scalars(
        select(WebhookDelivery)
        .where(*conditions)
        .order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc())
        .offset(offset)
        .limit(size)
    )
    return DeliveryPage(items=list(rows), total=total or 0, number=offset // size + 1, size=size)


def delivery(endpoint_id: uuid.UUID, key: str) -> WebhookDelivery:
    """Return one delivery of an endpoint with its attempts, oldest first. Raises NotFound."""
    found = db.session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.id == _as_uuid(key))
        .options(selectinload(WebhookDelivery.log))
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound()
    return found


def locked_delivery(delivery_id: uuid.UUID) -> WebhookDelivery | None:
    """Return the delivery, locked until the end of the unit of work."""
    return db.session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def endpoints_with_due(
    now: datetime | BindParameter[datetime], *, healthy_only: bool
) -> Select[WebhookEndpoint]:
    """Select endpoints with a message due and no lease on them, the longest without an attempt first.

    `healthy_only` leaves out those whose last attempt failed.
    """
    due = exists().where(
        WebhookDelivery.endpoint_id == WebhookEndpoint.id, WebhookDelivery.next_attempt_at <= now
    )
    busy = WebhookEndpoint.busy_until > now
    query = (
        select(WebhookEndpoint)
        .where(accepts_deliveries(), func.coalesce(busy, False).is_(False), due)
        .order_by(WebhookEndpoint.last_attempt_at.nulls_first(), WebhookEndpoint.id)
    )
    return query.where(WebhookEndpoint.failing_since.is_(None)) if healthy_only else query


def due_deliveries(
    endpoint_id: ColumnElement[uuid.UUID], now: datetime | BindParameter[datetime]
) -> Select[WebhookDelivery]:
    """Select the deliveries that are due for an endpoint, the longest overdue first."""
    return (
        select(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.next_attempt_at <= now)
        .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.created_at)
    )


def _visible_to(actor: Actor) -> Select[WebhookEndpoint]:
    query = select(WebhookEndpoint).execution_options(populate_existing=True)
    if actor.may(Permission.ADMIN_ACCESS):
        return query
    return query.where(WebhookEndpoint.user_id == actor.id)


def _as_uuid(key: str) -> uuid.UUID:
    """Read an id. Raises NotFound for what is no UUID."""
    try:
        return uuid.UUID(key)
    except ValueError:
        raise NotFound() from None
