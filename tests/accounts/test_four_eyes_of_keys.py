"""Four eyes through a key: who made it counts as a pair of eyes of everything that is done with it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask

from tests.support import payments
from tests.support.background import settle
from tests.support.bank import FakeGateway, answer, movement
from tests.support.pages import Browser
from tests.support.people import Cast, Person
from tests.support.programs import Program, payment
from webapp.accounts import api_keys, queries
from webapp.kernel.permissions import SYSTEM, Actor, Permission
from webapp.transactions import checking
from webapp.transactions import queries as transaction_queries
from webapp.transactions.lifecycle import Status
from webapp.transactions.models import Transaction

DECISION = {"decision": "approve", "reason": "Vi el estado de cuenta"}
EVERYTHING = frozenset(
    {
        Permission.TRANSACTION_CREATE,
        Permission.TRANSACTION_READ,
        Permission.TRANSACTION_UPDATE,
        Permission.TRANSACTION_REVIEW,
    }
)


@pytest.fixture(autouse=True)
def quiet(bank: FakeGateway) -> Iterator[None]:
    """The bank has been asked all there was to ask before the next test begins."""
    yield
    settle()


@pytest.fixture
def keys_may_review(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation lets keys decide payments."""
    settings = app.config["SETTINGS"].model_copy(update={"api_keys_may_review": True})
    monkeypatch.setitem(app.config, "SETTINGS", settings)


def program(app: Flask, maker: Actor, user: Person, name: str = "Laboratorio") -> Program:
    """A program with a key of the user for everything about payments, made by the maker."""
    permissions = EVERYTHING & user.actor.permissions
    made = api_keys.issue(
        actor=maker, user_id=user.id, name=name, permissions=permissions, may_review=True
    )
    found = Program(app)
    found.token = made.secret
    return found


def doubted(app: Flask, bank: FakeGateway, transaction: Transaction) -> Transaction:
    """The payment once the bank showed another amount for it."""
    bank.will_answer(answer(movement(transaction, amount=Decimal("1000.00"))))
    checking.check(transaction.id, bank=app.extensions["bank"])
    assert payments.reread(transaction).status is Status.TO_REVIEW
    return transaction


def decide(program: Program, transaction: Transaction) -> tuple[int, str]:
    """The status and the sentence of an approval through the API."""
    answered = program.post(f"/transactions/{transaction.transaction_id}/review", DECISION)
    return answered.status_code, answered.get_json().get("detail", "")


@pytest.mark.usefixtures("keys_may_review")
def test_nobody_approves_their_own_payment_with_a_key_that_they_made_for_somebody(
    app: Flask, cast: Cast, bank: FakeGateway
):
    transaction = doubted(app, bank, payments.logged(cast.admin))
    through_a_key = program(app, cast.admin.actor, cast.supervisor)
    status, sentence = decide(through_a_key, transaction)
    assert status == 403
    assert "Quien creó esta llave registró o corrigió este pago" in sentence
    by_somebody_else = program(app, SYSTEM, cast.supervisor, "Otra")
    assert decide(by_somebody_else, transaction)[0] == 200


@pytest.mark.usefixtures("keys_may_review")
def test_a_key_that_was_made_with_a_key_has_the_eyes_of_both_makers(
    app: Flask, cast: Cast, bank: FakeGateway
):
    transaction = doubted(app, bank, payments.logged(cast.admin))
    first = api_keys.issue(
        actor=cast.admin.actor, user_id=cast.admin.id, name="Primera", may_review=True
    )
    maker = Program(app)
    maker.token = first.secret
    wanted = {"name": "Segunda", "permissions": ["transaction:read", "transaction:review"]}
    made = maker.post(f"/users/{cast.supervisor.id}/api-keys", wanted).get_json()
    second = Program(app)
    second.token = made["key"]
    assert decide(second, transaction)[0] == 403


@pytest.mark.usefixtures("keys_may_review")
def test_who_corrected_a_payment_does_not_decide_it_with_a_key_that_they_made(
    app: Flask, cast: Cast, bank: FakeGateway
):
    transaction = doubted(app, bank, payments.logged(cast.cashier))
    path = f"/transactions/{transaction.transaction_id}"
    corrected = Program(app, cast.admin).call("PATCH", path, json={"amount": "1241.00"})
    assert corrected.status_code == 200
    settle()
    doubted(app, bank, payments.reread(transaction))
    assert decide(program(app, cast.admin.actor, cast.supervisor), transaction)[0] == 403
    assert decide(program(app, SYSTEM, cast.supervisor, "Otra"), transaction)[0] == 200


def test_who_made_the_key_with_which_a_payment_was_logged_does_not_decide_it(
    app: Flask, cast: Cast, bank: FakeGateway, admin: Browser, supervisor: Browser
):
    his = program(app, cast.admin.actor, cast.integrator)
    number = his.post("/transactions", payment()).get_json()["transaction_id"]
    settle()
    logged = transaction_queries.find(number)
    doubted(app, bank, logged)
    page = admin.get(f"/transactions/{number}")
    assert "con una llave que usted creó: debe decidirlo otra persona" in page.text
    status, sentence = decide(Program(app, cast.admin), logged)
    assert status == 403
    assert "con una llave que usted creó" in sentence
    url = f"/transactions/{number}/review"
    assert admin.post(url, DECISION, form=f"/transactions/{number}").status == 403
    assert supervisor.post(url, DECISION, form=f"/transactions/{number}").status == 303


def test_a_correction_with_a_key_counts_for_its_maker_as_well(
    app: Flask, cast: Cast, bank: FakeGateway
):
    transaction = payments.logged(cast.integrator)
    his = program(app, cast.admin.actor, cast.integrator)
    path = f"/transactions/{transaction.transaction_id}"
    assert his.call("PATCH", path, json={"amount": "1241.00"}).status_code == 200
    settle()
    doubted(app, bank, payments.reread(transaction))
    assert decide(Program(app, cast.admin), transaction)[0] == 403
    assert decide(Program(app, cast.supervisor), transaction)[0] == 200


def test_the_trail_says_which_key_acted_on_page_and_in_the_api(
    app: Flask, cast: Cast, supervisor: Browser
):
    his = program(app, cast.admin.actor, cast.integrator)
    number = his.post("/transactions", payment()).get_json()["transaction_id"]
    settle()
    (key,) = queries.keys_of(cast.integrator.id)
    events = his.get(f"/transactions/{number}/events").get_json()["items"]
    assert (events[0]["key_id"], events[0]["key_name"]) == (str(key.id), "Laboratorio")
    assert {event["key_id"] for event in events[1:]} <= {None}
    page = supervisor.get(f"/transactions/{number}")
    assert f"{cast.integrator.full_name}, con la llave «Laboratorio»" in page.text


def test_the_trail_of_a_user_says_which_key_changed_them(app: Flask, cast: Cast, admin: Browser):
    made = api_keys.issue(
        actor=SYSTEM,
        user_id=cast.admin.id,
        name="Altas",
        permissions=frozenset(
            {Permission.ADMIN_ACCESS, Permission.TRANSACTION_CREATE, Permission.TRANSACTION_READ}
        ),
    )
    script = Program(app)
    script.token = made.secret
    created = script.post(
        "/users",
        {
            "email": "new@clinic.test",
            "full_name": "Nueva Persona",
            "password": "a new password",
            "role": "cashier",
        },
    )
    assert created.status_code == 201
    page = admin.get(f"/admin/users/{created.get_json()['id']}")
    assert f"{cast.admin.full_name}, con la llave «Altas»" in page.text


@pytest.mark.parametrize("way", ["page", "api", "service"])
def test_keys_hold_reviewing_only_by_setting(app: Flask, cast: Cast, admin: Browser, way: str):
    wanted = {"name": "Revisora", "permissions": ["transaction:read", "transaction:review"]}
    page_url = f"/admin/users/{cast.supervisor.id}"
    if way == "page":
        sent = {**wanted, "expires_in_days": "30"}
        page = admin.post(f"{page_url}/api-keys", sent, form=page_url).insist()
        assert page.status == 403
        assert "Las llaves no deciden pagos en esta instalación" in page.text
    elif way == "api":
        refused = Program(app, cast.admin).post(f"/users/{cast.supervisor.id}/api-keys", wanted)
        assert (refused.status_code, refused.get_json()["code"]) == (403, "key_may_not_review")
    else:
        with pytest.raises(api_keys.KeyMayNotReview):
            api_keys.issue(
                actor=SYSTEM,
                user_id=cast.supervisor.id,
                name="Revisora",
                permissions=frozenset({Permission.TRANSACTION_REVIEW}),
            )
    assert queries.keys_of(cast.supervisor.id) == []


def test_without_a_choice_a_key_gets_everything_but_reviewing(app: Flask, cast: Cast):
    made = Program(app, cast.admin).post(
        f"/users/{cast.supervisor.id}/api-keys", {"name": "Reportes"}
    )
    held = set(cast.supervisor.actor.permissions) - {"transaction:review"}
    assert set(made.get_json()["permissions"]) == held


def test_a_key_that_held_reviewing_before_keeps_it_without_effect_and_the_page_says_so(
    app: Flask, cast: Cast, bank: FakeGateway, admin: Browser
):
    transaction = doubted(app, bank, payments.logged(cast.cashier))
    through_a_key = program(app, cast.admin.actor, cast.supervisor)
    assert "transaction:review" not in through_a_key.get("/auth/me").get_json()["permissions"]
    assert decide(through_a_key, transaction)[0] == 403
    listed = Program(app, cast.admin).get(f"/users/{cast.supervisor.id}/api-keys").get_json()
    (key,) = listed["items"]
    assert "transaction:review" in key["permissions"]
    assert "transaction:review" not in key["permissions_in_force"]
    page = admin.get(f"/admin/users/{cast.supervisor.id}")
    assert "Sin efecto ahora: Decidir pagos por revisar." in page.text
    assert "API_KEYS_MAY_REVIEW está apagado" in page.text


@pytest.mark.usefixtures("keys_may_review")
def test_with_the_setting_a_page_makes_a_key_that_reviews(app: Flask, cast: Cast, admin: Browser):
    url = f"/admin/users/{cast.supervisor.id}"
    sent = {
        "name": "Revisora",
        "permissions": ["transaction:read", "transaction:review"],
        "expires_in_days": "30",
    }
    assert admin.post(f"{url}/api-keys", sent, form=url).status == 201
    assert "Sin efecto ahora" not in admin.get(url).text
