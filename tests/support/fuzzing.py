"""Real things for made-up requests: ids of what is there, and what no schema can say of values together."""

from __future__ import annotations

import itertools
import unicodedata
import zlib
from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flask import Flask
from schemathesis.generation import GenerationMode

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.people import Cast, Person, create_person
from webapp.accounts import api_keys
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.permissions import Role
from webapp.transactions import checking
from webapp.webhooks import outbox, service
from webapp.webhooks.addresses import Addresses
from webapp.webhooks.events import EventType, Failure
from webapp.webhooks.models import WebhookAttempt

Ids = dict[str, str]
"""Parameters of a path that belong together, by their names."""
PUBLIC_ADDRESS = "93.184.216.34"
TOGETHER = (("cursor", "page"), ("cursor", "offset"), ("page", "offset"), ("size", "limit"))
"""Parameters of which a query may have one; the second is taken out."""


@dataclass
class Known:
    """What made-up requests meet, by operation; `*` stands for all that have no pool of their own.

    Operations that remove or lock up have theirs, so that the others still find something.
    """

    pools: dict[str, list[Ids]] = field(default_factory=dict)
    cast: set[str] = field(default_factory=set)
    """The ids of those who ask."""
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _conditions: itertools.count[int] = field(default_factory=itertools.count)
    """A count of its own, so that every second If-Match is changed, whatever other headers a request has."""

    def meet(self, case: Any) -> Any:
        """Lead two of three well-formed requests to something that is there, without contradictions."""
        if case.meta and case.meta.generation.mode is not GenerationMode.POSITIVE:
            return case
        _alone(case)
        if case.path_parameters:
            self._lead(case)
        if case.headers:
            self._head(case)
        if isinstance(case.query, dict):
            _agree(case.query)
        if isinstance(case.body, dict):
            _spell(case.body)
            # Nobody can be given a key for what they may not do, or for nothing.
            if "expires_in_days" in str(case.operation.body) or not case.body.get("permissions"):
                case.body.pop("permissions", None)
        return case

    def _lead(self, case: Any) -> None:
        operation = case.operation.definition.raw["operationId"]
        names = set(case.path_parameters)
        everything = [*self.pools.get(operation, []), *self.pools["*"]]
        fitting = [ids for ids in self.pools.get(operation, self.pools["*"]) if names <= set(ids)]
        fitting = fitting or [ids for ids in everything if names <= set(ids)]
        number = zlib.crc32(repr(sorted(case.path_parameters.items())).encode())
        if number % 3 or (operation in self.pools and self._is_others(case.path_parameters)):
            met = fitting[(number // 3) % len(fitting)]
            case.path_parameters.update({name: met[name] for name in names})

    def _is_others(self, parameters: dict[str, Any]) -> bool:
        """Tell whether this is there for all: schemathesis repeats ids that it saw in answers."""
        met = {value for ids in self.pools["*"] for value in ids.values()}
        return bool((met | self.cast) & {str(value) for value in parameters.values()})

    def _head(self, case: Any) -> None:
        headers = case.headers
        if "Idempotency-Key" in headers:  # a key is for one request
            headers["Idempotency-Key"] = f"request-{next(self._numbers)}"
        if "If-Match" in headers and next(self._conditions) % 2:
            if case.operation.definition.raw["operationId"] == "createTransaction":
                del headers["If-Match"]  # there is no version of what is new
            else:
                headers["If-Match"] = "*"


def _alone(case: Any) -> None:
    """Requests that are made of one example share its parts: what is changed must be this one's own."""
    for part in ("path_parameters", "headers", "query", "body"):
        setattr(case, part, copy(getattr(case, part)))


def _agree(query: dict[str, Any]) -> None:
    for name in [name for name, value in query.items() if value is None]:
        del query[name]
    if query.get("cursor"):
        query["cursor"] = ""  # others are signed, for one filter each
    for one, other in TOGETHER:
        if one in query and other in query:
            del query[other]
    if "page" in query:
        query["page"] = int(query["page"]) % 100_000 + 1


def _spell(body: dict[str, Any]) -> None:
    """Put letters in place of characters in names of which no portable pattern can say that they are none."""
    for item in (body, *(one for one in body.get("items") or [] if isinstance(one, dict))):
        customer = item.get("customer")
        if isinstance(customer, dict) and isinstance(customer.get("full_name"), str):
            name = unicodedata.normalize("NFC", customer["full_name"])
            letters = [one if one.isalpha() or one in " '’.-" else "ñ" for one in name]
            item["customer"] = {**customer, "full_name": "".join(letters)}
    for field_name in ("full_name", "name"):
        if isinstance(body.get(field_name), str):
            text = body[field_name]
            body[field_name] = "".join(
                one if one.isspace() or one.isprintable() else "ñ" for one in text
            )


def beyond_schemas(case: Any) -> bool:
    """What a schema cannot say: one day before another, a reason here or there."""
    if case.meta and case.meta.generation.mode is not GenerationMode.POSITIVE:
        return False
    query = case.query if isinstance(case.query, dict) else {}
    first, last = str(query.get("from_date") or ""), str(query.get("to_date") or "")
    if first and last and last < first:
        return True
    body = case.body if isinstance(case.body, dict) else {}
    has_reason = bool(body.get("reason") or query.get("reason"))
    is_deletion = case.operation.definition.raw["operationId"] == "deleteTransaction"
    return is_deletion and not has_reason


def prepare(app: Flask, cast: Cast, bank: FakeGateway) -> Known:
    """Payments of everybody in several statuses, users with keys, webhooks with deliveries."""
    everybody = {str(person.id) for person in cast.everybody}
    known = Known({"*": _payments(app, cast, bank)}, everybody)
    _webhooks(known, cast)
    _users(known, cast)
    db.session.rollback()  # a run takes longer than a unit of work may stand idle
    return known


def _payments(app: Flask, cast: Cast, bank: FakeGateway) -> list[Ids]:
    rows = [payments.logged(person) for person in (cast.cashier, cast.integrator, cast.admin)]
    for person, amount in ((cast.cashier, "1.00"), (cast.admin, "1.00"), (cast.cashier, "1240.00")):
        row = payments.logged(person)
        bank.will_answer(answer(movement(row, amount=Decimal(amount))))
        checking.check(row.id, bank=app.extensions["bank"])
        rows.append(row)
    bank.will_answer(answer())
    return [{"transaction_id": row.transaction_id} for row in rows]


def _webhook(owner: Person) -> Ids:
    endpoint = service.register(
        actor=owner.actor,
        addresses=Addresses(resolve=lambda _host, _port: [PUBLIC_ADDRESS]),
        url="https://his.clinic.test/in",
        events=[EventType.COMPLETED],
    )
    delivery = outbox.stage_test(endpoint)
    db.session.flush()
    db.session.add(
        WebhookAttempt(
            delivery_id=delivery.id,
            attempted_at=clock.now(),
            delivered=False,
            http_status=500,
            failure=Failure.STATUS.value,
            latency_ms=12,
        )
    )
    db.session.commit()
    return {"webhook_id": str(endpoint.id), "delivery_id": str(delivery.id)}


def _webhooks(known: Known, cast: Cast) -> None:
    known.pools["*"] += [_webhook(cast.integrator) for _ in range(3)]
    known.pools["changeWebhook"] = [_webhook(cast.integrator) for _ in range(2)]
    known.pools["deleteWebhook"] = [_webhook(cast.integrator) for _ in range(6)]


def _users(known: Known, cast: Cast) -> None:
    def made(number: int) -> Ids:
        person = create_person(f"made{number}@clinic.test", "Persona Inventada", Role.CASHIER)
        issued = api_keys.issue(actor=cast.admin.actor, user_id=person.id, name="made")
        return {"user_id": str(person.id), "key_id": str(issued.key.id)}

    everybody = [made(number) for number in range(9)]
    known.pools["*"] += everybody[:3]
    known.pools["changeUser"] = everybody[3:6]
    known.pools["deactivateUser"] = everybody[6:]
