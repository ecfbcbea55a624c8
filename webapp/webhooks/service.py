"""What owners do with their endpoints: register, change, remove, test and redeliver; one commit each."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete as remove_rows
from sqlalchemy import select, text, update

from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.errors import Conflict, Forbidden, Invalid
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import Actor, Permission
from webapp.kernel.text import is_storable
from webapp.webhooks import outbox, queries, signing
from webapp.webhooks.addresses import Addresses, AddressProblem, AddressRefused
from webapp.webhooks.events import DisabledReason, EventType
from webapp.webhooks.models import WebhookDelivery, WebhookEndpoint

MAX_ENDPOINTS = 20
MAX_DESCRIPTION = 200
SECRET_OVERLAP = timedelta(hours=24)
"""How long the old secret signs beside the new one after a rotation."""
RETENTION = timedelta(days=90)
"""How long deliveries and their attempts are kept."""
PURGE_BATCH = 5000
"""How many deliveries are removed at a time."""


@dataclass(frozen=True)
class EndpointChanges:
    """What to change of an endpoint; None leaves a value as it is."""

    url: str | None = None
    events: Iterable[EventType] | None = None
    description: str | None = None
    is_active: bool | None = None


class EndpointDisabled(Conflict):
    """Nothing is sent to an endpoint that is disabled."""

    code = "webhook_disabled"

    def __init__(self) -> None:
        super().__init__(_("Este webhook está desactivado. Actívelo antes de enviarle algo."))


def register(
    *,
    actor: Actor,
    addresses: Addresses,
    url: str,
    events: Iterable[EventType],
    description: str = "",
) -> WebhookEndpoint:
    """Register an endpoint with a new secret.

    Its messages tell of payments, so the owner must be allowed to read them. Raises Forbidden, Invalid by field,
    Conflict beyond MAX_ENDPOINTS of one user.
    """
    actor.require(Permission.WEBHOOK_MANAGE)
    actor.require(Permission.TRANSACTION_READ)
    if actor.id is None:
        raise Forbidden()
    errors = _field_problems(events=events, description=description)
    errors |= _url_problems(addresses, url)
    if errors:
        raise Invalid(errors=errors)
    _require_room(actor.id)
    endpoint = WebhookEndpoint(
        id=uuid.uuid4(),
        user_id=actor.id,
        url=url,
        events=_sorted_values(events),
        description=description.strip(),
        secret=signing.new_secret(),
        created_at=clock.now(),
    )
    db.session.add(endpoint)
    db.session.commit()
    return endpoint


def _require_room(user_id: uuid.UUID) -> None:
    """Lock the user's registrations until the end of the unit of work. Raises Conflict at MAX_ENDPOINTS."""
    # Counting and adding happen one at a time for each user, over all processes.
    db.session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 11))"),
        {"key": f"webhooks-of:{user_id}"},
    )
    if queries.count_endpoints_of(user_id) >= MAX_ENDPOINTS:
        db.session.rollback()
        raise Conflict(
            _("Puede registrar hasta %(most)s webhooks.", most=MAX_ENDPOINTS),
            code="too_many_webhooks",
        )


def change(
    *, actor: Actor, key: str, addresses: Addresses, changes: EndpointChanges
) -> WebhookEndpoint:
    """Change parts of an endpoint; a new address, or activating it, clears `failing_since`.

    Raises Forbidden, NotFound, Invalid by field.
    """
    actor.require(Permission.WEBHOOK_MANAGE)
    endpoint_id = queries.endpoint(actor, key).id
    errors = _field_problems(events=changes.events, description=changes.description)
    if changes.url is not None:
        errors |= _url_problems(addresses, changes.url)
    if errors:
        raise Invalid(errors=errors)
    endpoint = _locked(actor, endpoint_id)
    if changes.url is not None and changes.url != endpoint.url:
        endpoint.url, endpoint.failing_since = changes.url, None
    if changes.events is not None:
        endpoint.events = _sorted_values(changes.events)
    if changes.description is not None:
        endpoint.description = changes.description.strip()
    if changes.is_active and not endpoint.is_active:
        endpoint.disabled_at = endpoint.disabled_reason = endpoint.failing_since = None
    if changes.is_active is False:
        disable(endpoint, DisabledReason.BY_OWNER)
    db.session.commit()
    return endpoint


def disable(endpoint: WebhookEndpoint, reason: DisabledReason) -> None:
    """Stop sending to an endpoint, inside the caller's unit of work; its pending deliveries stay pending."""
    if endpoint.is_active:
        endpoint.disabled_at, endpoint.disabled_reason = clock.now(), reason.value


def remove(*, actor: Actor, key: str) -> None:
    """Remove an endpoint with its secrets, deliveries and attempts. Raises Forbidden, NotFound."""
    actor.require(Permission.WEBHOOK_MANAGE)
    endpoint = queries.endpoint(actor, key)
    db.session.execute(remove_rows(WebhookEndpoint).where(WebhookEndpoint.id == endpoint.id))
    db.session.commit()


def rotate_secret(*, actor: Actor, key: str) -> WebhookEndpoint:
    """Give an endpoint a new secret; the old one signs beside it for SECRET_OVERLAP.

    Raises Forbidden, NotFound.
    """
    actor.require(Permission.WEBHOOK_MANAGE)
    endpoint = _locked(actor, queries.endpoint(actor, key).id)
    endpoint.previous_secret = endpoint.secret
    endpoint.previous_secret_expires_at = clock.now() + SECRET_OVERLAP
    endpoint.secret = signing.new_secret()
    db.session.commit()
    return endpoint


def send_test(*, actor: Actor, key: str) -> WebhookDelivery:
    """Stage a `webhook.test` for an endpoint. Raises Forbidden, NotFound, EndpointDisabled."""
    actor.require(Permission.WEBHOOK_MANAGE)
    endpoint = _locked_active(actor, key)
    delivery = outbox.stage_test(endpoint)
    db.session.commit()
    return delivery


def redeliver(*, actor: Actor, key: str, delivery_key: str) -> WebhookDelivery:
    """Make a delivery due now, under the same `webhook-id` and with its attempts counted from zero.

    Raises Forbidden, NotFound, EndpointDisabled.
    """
    actor.require(Permission.WEBHOOK_MANAGE)
    endpoint = _locked_active(actor, key)
    found = queries.delivery(endpoint.id, delivery_key)
    delivery = queries.locked_delivery(found.id)
    if delivery is None:  # purged since it was read
        db.session.rollback()
        return found
    delivery.next_attempt_at = clock.now()
    delivery.delivered_at = delivery.gave_up_at = None
    delivery.attempts = 0
    db.session.commit()
    return delivery


def purge_old(*, now: datetime | None = None) -> int:
    """Remove deliveries older than RETENTION, PURGE_BATCH at a time, and old secrets that no longer sign.

    Returns how many deliveries were removed.
    """
    now = now or clock.now()
    old = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.created_at < now - RETENTION)
        .order_by(WebhookDelivery.created_at)
        .limit(PURGE_BATCH)
        .with_for_update(skip_locked=True)
    )
    removed = db.session.execute(
        remove_rows(WebhookDelivery)
        .where(WebhookDelivery.id.in_(old))
        .returning(WebhookDelivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.commit()
    db.session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.previous_secret_expires_at < now)
        .values(previous_secret=None, previous_secret_expires_at=None)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return len(removed)


def _locked(actor: Actor, endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """Lock an endpoint and return it as it is under the lock. Raises NotFound."""
    queries.locked_endpoint(endpoint_id)
    return queries.endpoint(actor, str(endpoint_id))


def _locked_active(actor: Actor, key: str) -> WebhookEndpoint:
    endpoint = _locked(actor, queries.endpoint(actor, key).id)
    if not endpoint.is_active:
        db.session.rollback()
        raise EndpointDisabled()
    return endpoint


def _sorted_values(events: Iterable[EventType]) -> list[str]:
    wanted = set(events)
    return [event.value for event in EventType if event in wanted]


def _field_problems(
    *, events: Iterable[EventType] | None, description: str | None
) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    if events is not None and not list(events):
        problems["events"] = [_("Elija al menos un evento.")]
    if description is not None and not is_storable(description):
        problems["description"] = [_("El texto tiene caracteres que no se pueden guardar.")]
    elif description is not None and len(description) > MAX_DESCRIPTION:
        problems["description"] = [_("El texto es demasiado largo.")]
    return problems


def _url_problems(addresses: Addresses, url: str) -> dict[str, list[str]]:
    db.session.rollback()  # no unit of work stays open while names are resolved
    try:
        addresses.locate(url)
    except AddressRefused as refused:
        return {"url": [_sentence(refused.problem, addresses.ports)]}
    return {}


def _sentence(problem: AddressProblem, ports: tuple[int, ...]) -> str:
    return {
        AddressProblem.SPELLING: _("Escriba una dirección como https://his.clinica.com/webhooks."),
        AddressProblem.SCHEME: _("La dirección debe empezar por https://."),
        AddressProblem.CREDENTIALS: _("La dirección no puede llevar usuario ni contraseña."),
        AddressProblem.FRAGMENT: _("La dirección no puede llevar un fragmento (#)."),
        AddressProblem.PORT: _(
            "Esta dirección usa un puerto que no está permitido. Puertos permitidos: %(ports)s.",
            ports=", ".join(map(str, ports)),
        ),
        AddressProblem.UNRESOLVED: _("El nombre de esta dirección no existe o no responde."),
        AddressProblem.FORBIDDEN: _("Esta dirección no es pública: no se le puede enviar nada."),
    }[problem]
