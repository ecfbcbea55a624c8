"""Every operation against the contract with made-up requests, as each role: schemathesis with all its checks.

Good data must be taken, bad data refused, every status, body and header be documented, no 5xx, no route that
forgets to ask for the token. Seeded: the same requests every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation import GenerationMode

from tests.support import payments
from tests.support.background import settle
from tests.support.bank import FakeGateway, answer, movement
from tests.support.people import Cast, Person
from tests.support.programs import Program
from webapp import clock
from webapp.api.contract import EVERYWHERE
from webapp.api.openapi import document
from webapp.extensions import db
from webapp.limits import limiter
from webapp.permissions import ROLE_PERMISSIONS, Role
from webapp.security import HEADERS
from webapp.transactions import checking

pytestmark = [
    pytest.mark.processes,
    # The application, in the same process, draws its own random numbers meanwhile.
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning"),
]

ROLES = ("anonymous", "cashier", "supervisor", "integrator", "admin")
LEAST_CASES = 1500
EXAMPLES = 4
"""How many requests are made up for one operation, besides those that go along the edges of its schemas."""
ACCEPTED = ("2xx", "3xx", "401", "403", "404", "409", "429")
# Of HTTP itself, of every page of ours, or of no meaning to programs.
UNDOCUMENTED = {
    *(name.lower() for name in HEADERS),
    *("content-type", "content-length", "date", "server", "connection", "vary", "cache-control", "allow"),
}  # fmt: skip

counted: Counter[str] = Counter()
taken: dict[str, set[str]] = {}
"""The operations that were carried out (2xx) as each role."""


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed sign-ins are not counted: their limit has tests of its own."""
    monkeypatch.setattr(limiter, "enabled", False)


@pytest.fixture(autouse=True, scope="module")
def days_of_payments() -> None:
    """Days on which money can have moved; that others are refused cannot be said in a schema."""
    today = clock.today()
    days = st.dates(date(2020, 1, 1), today - timedelta(days=1)).map(str)
    schemathesis.openapi.format("date", days)


@pytest.fixture
def known_ids(app: Flask, cast: Cast, bank: FakeGateway) -> list[str]:
    """Payments of everybody in several statuses, so that made-up requests meet real ones."""
    rows = [payments.logged(person) for person in (cast.cashier, cast.integrator, cast.admin)]
    for person, amount in ((cast.cashier, "1.00"), (cast.admin, "1.00"), (cast.cashier, "1240.00")):
        row = payments.logged(person)
        bank.will_answer(answer(movement(row, amount=Decimal(amount))))
        checking.check(row.id, bank=app.extensions["bank"])
        rows.append(row)
    bank.will_answer(answer())
    ids = [row.transaction_id for row in rows]
    db.session.rollback()  # a run takes longer than a unit of work may stand idle
    return ids


def contract(address: str, token: str, known_ids: list[str], seed: int) -> Any:
    """The contract as schemathesis reads it, for whoever holds the token."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": {"Authorization": f"Bearer {token}"} if token else {},
            "workers": 1,
            "generation": {
                "max-examples": EXAMPLES,
                "deterministic": True,
                "database": "none",
                "no-shrink": True,
            },
            "continue-on-failure": True,
            # An `If-Match` of another version is well formed all the same.
            "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "412"]}},
            "phases": {"stateful": {"enabled": False}},
        }
    )
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json", config=config)

    @schema.hook
    def map_case(_context: Any, case: Any) -> Any:
        given = case.path_parameters.get("transaction_id") if case.path_parameters else None
        if given and case.meta and case.meta.generation.mode is GenerationMode.POSITIVE:
            number = sum(str(given).encode())
            if number % 3:
                case.path_parameters["transaction_id"] = known_ids[number % len(known_ids)]
        return case

    @schema.hook
    def filter_case(_context: Any, case: Any) -> bool:
        return not _beyond_schemas(case)

    return schema


def _beyond_schemas(case: Any) -> bool:
    """What a schema cannot say: one day before another, a reason here or there."""
    if case.meta and case.meta.generation.mode is not GenerationMode.POSITIVE:
        return False
    query = case.query if isinstance(case.query, dict) else {}
    first, last = str(query.get("from_date") or ""), str(query.get("to_date") or "")
    if first and last and last < first:
        return True
    body = case.body if isinstance(case.body, dict) else {}
    has_reason = bool(body.get("reason") or query.get("reason"))
    return case.operation.method.upper() == "DELETE" and not has_reason


def public_operations(app: Flask) -> list[str]:
    """The operations that ask for no token."""
    paths = document(app)["paths"].values()
    operations = [operation for path in paths for operation in path.values()]
    return [one["operationId"] for one in operations if one.get("security") == []]


def run(app: Flask, schema: Any, carried_out: set[str]) -> tuple[int, list[str]]:
    """How many requests were made, and everything that was wrong with the answers."""
    made, wrong = 0, []
    written = document(app)
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            made += len(event.recorder.interactions)
            carried_out |= set(_carried_out(event))
            wrong += list(_failures(written, event))
        elif isinstance(event, events.NonFatalError):
            wrong.append(f"{event.label}: {event.info.format()}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    settle()
    return made, wrong


def _carried_out(event: events.ScenarioFinished) -> Iterator[str]:
    for case_id, interaction in event.recorder.interactions.items():
        if interaction.response is not None and interaction.response.status_code < 300:
            yield event.recorder.cases[case_id].value.operation.definition.raw["operationId"]


def _failures(written: Any, event: events.ScenarioFinished) -> Iterator[str]:
    for case_id, interaction in event.recorder.interactions.items():
        case, response = event.recorder.cases[case_id].value, interaction.response
        sent = f"{interaction.request.method} {interaction.request.uri} {case.body!r:.300}"
        for check in event.recorder.checks.get(case_id, []):
            if check.status is Status.FAILURE and check.failure_info:
                failure = check.failure_info.failure
                yield f"{check.name}: {failure.title}: {failure.message:.500}\n    {sent}"
        if response is not None and interaction.request.method != "OPTIONS":
            stranger = _undocumented_headers(written, case, response)
            if stranger:
                yield f"undocumented headers {stranger} of {response.status_code}\n    {sent}"


def _undocumented_headers(contract: Any, case: Any, response: Any) -> set[str]:
    described = contract["paths"][case.path].get(case.method.lower())
    answered = (described or {}).get("responses", {}).get(str(response.status_code), {})
    if "$ref" in answered:
        answered = contract["components"]["responses"][answered["$ref"].split("/")[-1]]
    if response.status_code == 405:
        answered = {"headers": dict.fromkeys((*EVERYWHERE, "Allow"))}
    documented = {name.lower() for name in answered.get("headers", {})}
    return {name.lower() for name in response.headers} - documented - UNDOCUMENTED


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_as_this_role_is_beyond_the_contract(
    app: Flask, cast: Cast, address: str, known_ids: list[str], role: str
) -> None:
    person: Person | None = None if role == "anonymous" else getattr(cast, role)
    token = Program(app, person).token
    schema = contract(address, token, known_ids, seed=ROLES.index(role) + 1)
    if person:
        schema = schema.exclude(
            operation_id=public_operations(app)
        )  # a token changes nothing there
    carried_out = taken.setdefault(role, set())
    # Signing out comes last, or nothing after it would get beyond the gate.
    made, wrong = run(app, schema.exclude(operation_id="logout"), carried_out)
    more, also_wrong = run(app, schema.include(operation_id="logout"), carried_out)
    counted[role] = made + more
    print(f"\n{role}: {made + more} requests")
    problems = wrong + also_wrong
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])


def test_enough_requests_were_made() -> None:
    if set(counted) != set(ROLES):
        pytest.skip("only some of the roles were run")
    print(f"\n{counted.total()} requests in all: {dict(counted)}")
    assert counted.total() >= LEAST_CASES


def test_the_requests_reached_everything_that_a_role_may_do(app: Flask) -> None:
    if set(counted) != set(ROLES):
        pytest.skip("only some of the roles were run")
    for role in ROLES[1:]:
        may = {
            operation["operationId"]
            for path in document(app)["paths"].values()
            for operation in path.values()
            if operation.get("x-permission", "") in ("", *ROLE_PERMISSIONS[Role(role)])
            and operation.get("security") != []
        }
        assert may - taken[role] == set(), role
