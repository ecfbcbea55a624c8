"""Every route as it is asked by somebody who may, about real rows of which there can be more and more."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flask import Flask

from tests.support import payments
from tests.support.bank import FakeGateway, answer, movement
from tests.support.calls import pass_time
from tests.support.pages import Browser
from tests.support.people import PASSWORD, Cast, Person, create_person
from tests.support.programs import Program, payment
from tests.support.receivers import Names
from webapp.accounts import api_keys
from webapp.banking import queries as bank_queries
from webapp.kernel import clock
from webapp.kernel.database import db
from webapp.kernel.permissions import Permission, Role
from webapp.transactions import checking, service
from webapp.transactions.models import Transaction
from webapp.webhooks import service as webhooks
from webapp.webhooks.addresses import Addresses
from webapp.webhooks.events import EventType
from webapp.webhooks.models import WebhookDelivery, WebhookEndpoint

ANYWHERE = Addresses(allow_private=True, resolve=Names(["127.0.0.1"]))
PASSING = 120
"""Seconds after which the bank may be asked about a payment again."""

Send = Callable[[], int]
"""Sends the one request that is looked at; returns the status of its answer."""
Ask = Callable[["House"], Send]
"""Prepares what the request is about, which costs nothing of it."""


@dataclass
class House:
    """A clinic at work: payments in every status, calls, users, keys, webhooks and messages."""

    app: Flask
    cast: Cast
    bank: FakeGateway
    browsers: dict[str, Browser] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.person = self.new_person()
        self.endpoint = self.new_endpoint()
        self.payment = self.in_review()
        self.delivery = self.new_delivery()
        self.grow()

    def browser(self, role: str) -> Browser:
        """The browser of one of the cast, signed in; without a role, of nobody."""
        if not role:
            return Browser(self.app)
        if role not in self.browsers:
            self.browsers[role] = Browser(self.app).sign_in(getattr(self.cast, role))
        return self.browsers[role]

    def program(self, role: str) -> Program:
        """A program with a token of one of the cast."""
        if role not in self.programs:
            self.programs[role] = Program(self.app, getattr(self.cast, role))
        return self.programs[role]

    def grow(self, rows: int = 1) -> None:
        """Add so many rows of everything that a list can show or a page can tell of one thing."""
        for _ in range(rows):
            self.in_review()
            self.verified()
            self.in_process()
            self.tell_more_of_the_payment()
            self.new_key(self.person)
            self.new_key(self.new_person())
            self.new_endpoint()
            self.new_delivery()

    def in_process(self) -> Transaction:
        """A payment that the bank was asked about and did not show."""
        self.bank.will_answer(answer())
        return self._asked(payments.logged(self.cast.cashier))

    def verified(self) -> Transaction:
        """A payment that the bank shows as declared."""
        found = payments.logged(self.cast.cashier)
        self.bank.will_answer(answer(movement(found)))
        return self._asked(found)

    def in_review(self) -> Transaction:
        """A payment for which the bank shows another amount."""
        found = payments.logged(self.cast.cashier)
        self.bank.will_answer(answer(movement(found, amount=Decimal("1.00"))))
        return self._asked(found)

    def tell_more_of_the_payment(self) -> None:
        """Add an event and a call to the one payment that is looked at."""
        self.bank.will_answer(answer(movement(self.payment, amount=Decimal("1.00"))))
        seen = payments.reread(self.payment)
        service.correct(
            actor=self.cast.other_supervisor.actor,
            row_id=seen.id,
            version=seen.version,
            details=payments.details(reference=seen.reference, concept=uuid.uuid4().hex),
        )
        self._asked(self.payment)

    def _asked(self, found: Transaction) -> Transaction:
        checking.check(found.id, bank=self.app.extensions["bank"])
        pass_time(PASSING)
        return payments.reread(found)

    def new_person(self) -> Person:
        email = f"{uuid.uuid4().hex}@clinic.test"
        return create_person(email, "Nueva Persona", Role.INTEGRATOR)

    def new_key(self, person: Person) -> uuid.UUID:
        made = api_keys.issue(
            actor=self.cast.admin.actor,
            user_id=person.id,
            name=f"Laboratorio {uuid.uuid4().hex}",
            permissions=frozenset({Permission.TRANSACTION_READ}),
        )
        return made.key.id

    def new_endpoint(self) -> WebhookEndpoint:
        return webhooks.register(
            actor=self.cast.integrator.actor,
            addresses=ANYWHERE,
            url="https://his.clinic.test/in",
            events=list(EventType),
        )

    def new_delivery(self, endpoint: WebhookEndpoint | None = None) -> uuid.UUID:
        """A message that was staged and, where nobody asks otherwise, is due now."""
        row = WebhookDelivery(
            id=uuid.uuid4(),
            endpoint_id=(endpoint or self.endpoint).id,
            event_type=EventType.COMPLETED.value,
            payload={"type": EventType.COMPLETED.value, "data": {}},
            next_attempt_at=clock.now(),
        )
        db.session.add(row)
        db.session.commit()
        return row.id


def page(path: str, *, by: str = "admin", htmx: bool = False) -> Ask:
    """Somebody looks at a page; `path` may name what the house is asked about."""

    def ask(house: House) -> Send:
        browser, url = house.browser(by), _filled(path, house)
        return lambda: browser.get(url, htmx=htmx).status

    return ask


def form(
    path: str,
    data: Callable[[House], dict[str, Any]] | dict[str, Any],
    *,
    of: str | None = None,
    by: str = "admin",
    subject: Callable[[House], Any] | None = None,
) -> Ask:
    """Somebody sends a form of the page `of`; `subject` makes what it is about, `{subject}` in the paths."""

    def ask(house: House) -> Send:
        browser = house.browser(by)
        about = subject(house) if subject else None
        key = _key(about)
        shown = browser.get(_filled(of or path, house, key))
        values = data(house) if callable(data) else data
        hidden = {
            name: value
            for name, value in shown.inputs.items()
            if name in ("csrf_token", "submission_key", "version")
        }
        url = _filled(path, house, key)
        return lambda: browser._send("post", url, data={**hidden, **values}).status_code

    return ask


def api(
    method: str,
    path: str,
    body: Callable[[House], Any] | Any = None,
    *,
    by: str = "admin",
    subject: Callable[[House], Any] | None = None,
) -> Ask:
    """A program asks the API; as `form`."""

    def ask(house: House) -> Send:
        program = house.program(by) if by else Program(house.app)
        url = _filled(path, house, _key(subject(house) if subject else None))
        content = body(house) if callable(body) else body
        sent = {} if content is None else {"json": content}
        return lambda: program.call(method, url, **sent).status_code

    return ask


def a_key(house: House) -> uuid.UUID:
    return house.new_key(house.person)


def a_person(house: House) -> uuid.UUID:
    return house.new_person().id


def an_endpoint(house: House) -> uuid.UUID:
    return house.new_endpoint().id


def a_delivery(house: House) -> uuid.UUID:
    return house.new_delivery()


def to_decide(house: House) -> Transaction:
    return house.in_review()


def decided(house: House) -> Transaction:
    return house.verified()


def to_check(house: House) -> Transaction:
    return house.in_process()


def new_payment(_house: House) -> dict[str, Any]:
    return payment()


def typed_payment(_house: House) -> dict[str, Any]:
    return payments.form()


def sign_in(house: House) -> Send:
    """Somebody signs in on the page."""
    browser = Browser(house.app)
    token = browser.get("/login").inputs["csrf_token"]
    person = house.cast.cashier
    data = {"csrf_token": token, "email": person.email, "password": PASSWORD}
    return lambda: browser._send("post", "/login", data=data).status_code


def sign_out(house: House) -> Send:
    """Somebody signs out on the page."""
    browser = Browser(house.app).sign_in(house.cast.cashier)
    token = browser.get("/transactions").inputs["csrf_token"]
    return lambda: browser._send("post", "/logout", data={"csrf_token": token}).status_code


def token_exchange(path: str) -> Ask:
    """A program exchanges, or ends, tokens of its own."""

    def ask(house: House) -> Send:
        program = Program(house.app)
        given = {"email": house.cast.integrator.email, "password": PASSWORD}
        tokens = program.post("/auth/login", given).get_json()
        if path == "/auth/logout":
            program.token = tokens["access_token"]
        body = {"refresh_token": tokens["refresh_token"]} if path == "/auth/refresh" else None
        sent = {} if body is None else {"json": body}
        return lambda: program.call("POST", path, **sent).status_code

    return ask


def credentials(house: House) -> dict[str, str]:
    return {"email": house.cast.integrator.email, "password": PASSWORD}


def newcomer(_house: House) -> dict[str, Any]:
    return {
        "email": f"{uuid.uuid4().hex}@clinic.test",
        "full_name": "Nueva Persona",
        "password": "a new password",
    }


def asset(house: House) -> Send:
    """A browser fetches the style sheet."""
    digest = house.app.extensions["assets"]["app.css"].digest
    return lambda: Browser(house.app)._send("get", f"/assets/{digest}/app.css").status_code


def _key(about: Any) -> str:
    return about.transaction_id if isinstance(about, Transaction) else str(about)


def _filled(path: str, house: House, subject: str = "") -> str:
    return path.format(
        subject=subject,
        payment=house.payment.transaction_id,
        person=house.person.id,
        endpoint=house.endpoint.id,
        delivery=house.delivery,
        call=_call_of(house) if "{call}" in path else "",
    )


def _call_of(house: House) -> uuid.UUID:
    """Return the newest call about the payment that is looked at."""
    return bank_queries.of_payment(house.payment.id)[0].id
