"""Every operation against the contract with made-up requests, as each role: schemathesis with all its checks.

Good data must be taken, bad data refused, every status, body and header be documented, no 5xx, no route that
forgets to ask for the token. Seeded: the same requests every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from tests.support.background import settle
from tests.support.bank import FakeGateway
from tests.support.fuzzing import PUBLIC_ADDRESS, Known, beyond_schemas, prepare
from tests.support.people import Cast, Person
from tests.support.programs import Program
from tests.support.receivers import Names
from webapp.accounts import api_keys
from webapp.api import limiting
from webapp.api.contract.headers import EVERYWHERE
from webapp.api.openapi.document import document
from webapp.kernel import clock
from webapp.kernel.permissions import ROLE_PERMISSIONS, Role
from webapp.throttling import request_rate
from webapp.throttling.attempts import limiter
from webapp.web.security import HEADERS
from webapp.webhooks.addresses import Addresses
from webapp.webhooks.sending import Sender

pytestmark = [
    pytest.mark.processes,
    pytest.mark.no_cover,
    # The application, in the same process, draws its own random numbers meanwhile.
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning"),
]

ROLES = ("anonymous", "cashier", "supervisor", "integrator", "admin", "key")
"""The roles of the cast, and a key for programs that acts as the integrator."""
LEAST_CASES = 1500
LEAST_CASES_OF_A_KEY = 200
EXAMPLES = 4
"""How many random requests are made for one operation, besides those at the limits of its schemas."""
REFUSED = ["400", "401", "403", "404", "406", "409", "412", "415", "422", "428"]
ACCEPTED = ("2xx", "3xx", "401", "403", "404", "409", "429")
# Of HTTP itself, of every page of ours, or of no meaning to programs.
UNDOCUMENTED = {
    *(name.lower() for name in HEADERS),
    *("content-type", "content-length", "content-encoding", "date", "server", "connection", "vary", "cache-control", "allow", "transfer-encoding"),
}  # fmt: skip

counted: Counter[str] = Counter()
taken: dict[str, set[str]] = {}
"""The operations that succeeded (2xx), by role."""


@pytest.fixture(autouse=True)
def unlimited(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not count failed sign-ins, and count requests apart from those of other tests."""
    monkeypatch.setattr(limiter, "enabled", False)
    fresh = request_rate.connect(app.config["SETTINGS"])
    monkeypatch.setitem(app.extensions, limiting.EXTENSION, fresh)


@pytest.fixture(autouse=True, scope="module")
def days_of_payments() -> None:
    """Generate days on which a payment can have been made; a schema cannot exclude the others."""
    today = clock.today()
    days = st.dates(date(2020, 1, 1), today - timedelta(days=1)).map(str)
    schemathesis.openapi.format("date", days)


@pytest.fixture(autouse=True)
def names(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install production's rule for addresses, with every host name resolving to one public address; nothing is sent."""
    rule = Addresses(resolve=Names([PUBLIC_ADDRESS]))
    monkeypatch.setitem(app.extensions, "webhooks", Sender(rule))


@pytest.fixture
def known(app: Flask, cast: Cast, bank: FakeGateway) -> Iterator[Known]:
    """Lead requests, also those made from examples, to things that exist."""
    found = prepare(app, cast, bank)

    @schemathesis.hook
    def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
        found.meet(case)

    yield found
    schemathesis.hooks.unregister_all()


def contract(address: str, token: str, *, seed: int, edges: bool = True) -> Any:
    """Load the contract into schemathesis, for the holder of the token."""
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
            "checks": {
                "positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "412"]},
                # Whatever is refused first: here a version, a state or a media type.
                "negative_data_rejection": {"expected-statuses": REFUSED},
            },
            "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": edges}},
        }
    )
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json", config=config)

    @schema.hook
    def filter_case(_context: Any, case: Any) -> bool:
        return not beyond_schemas(case)

    return schema


def operations(app: Flask, role: str) -> tuple[list[str], list[str]]:
    """Return the operations that a role may use and those that refuse it; public ones are used by the anonymous role."""
    held = ROLE_PERMISSIONS[
        {"anonymous": Role.CASHIER, "key": Role.INTEGRATOR}.get(role) or Role(role)
    ]
    open_to: list[str] = []
    closed: list[str] = []
    for path in document(app)["paths"].values():
        for operation in path.values():
            is_public = operation.get("security") == []
            if role == "anonymous":
                found = open_to if is_public else closed
            elif is_public:
                continue
            else:
                found = open_to if operation.get("x-permission", "") in ("", *held) else closed
            found.append(operation["operationId"])
    return open_to, closed


def run(app: Flask, schema: Any, carried_out: set[str]) -> tuple[int, list[str]]:
    """Run the requests; return how many there were and every failure."""
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
                answered = response.content.decode("utf-8", "replace") if response else ""
                yield f"{check.name}: {failure.title}: {failure.message:.500}\n    {sent}\n    {answered:.500}"
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
def test_every_response_to_this_role_keeps_to_the_contract(
    app: Flask, cast: Cast, address: str, known: Known, role: str
) -> None:
    person: Person | None = {"anonymous": None, "key": cast.integrator}.get(role) or getattr(
        cast, role, None
    )
    token = Program(app, person).token
    if person and role == "key":
        token = api_keys.issue(actor=cast.admin.actor, user_id=person.id, name="HIS").secret
    open_to, closed = operations(app, role)
    seed = ROLES.index(role) + 1
    # A key's operations are the integrator's, whose edges were walked along already.
    schema = contract(address, token, seed=seed, edges=role != "key")
    # Signing out comes last, or nothing after it would get beyond the gate.
    parts = [schema.include(operation_id=closed)] if closed else []
    parts.append(schema.include(operation_id=[one for one in open_to if one != "logout"]))
    parts += [schema.include(operation_id="logout")] if "logout" in open_to else []
    carried_out = taken.setdefault(role, set())
    made, problems = 0, []
    for part in parts:
        requests, wrong = run(app, part, carried_out)
        made += requests
        problems += wrong
    counted[role] = made
    print(f"\n{role}: {made} requests")
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])


@pytest.mark.parametrize("role", ROLES)
def test_enough_requests_were_made(role: str) -> None:
    if role not in counted:
        pytest.skip("this role was not run")
    assert counted[role] >= (LEAST_CASES_OF_A_KEY if role == "key" else LEAST_CASES)


@pytest.mark.parametrize("role", ROLES)
def test_every_operation_that_a_role_may_use_succeeded_at_least_once(app: Flask, role: str) -> None:
    if role not in counted:
        pytest.skip("this role was not run")
    if role == "key":
        assert {"me", "listTransactions", "getTransaction"} <= taken[role]
        return
    open_to, _closed = operations(app, role)
    # Nobody knows a password or a refresh token by chance.
    never = {"login", "refresh"} if role == "anonymous" else set()
    assert set(open_to) - taken[role] - never == set()
