"""A Python client generated from the contract drives the whole flow: the contract is enough to write a program."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support import payments
from tests.support.background import settle
from tests.support.bank import FakeGateway, answer, movement
from tests.support.people import PASSWORD, Cast
from webapp.kernel.config import PROJECT_ROOT
from webapp.transactions import queries

PACKAGE = "areamedica_client"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Generate the package from the committed contract; return a function that imports its modules."""
    config = tmp_path / "config.yml"
    config.write_text("post_hooks: []\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", str(PROJECT_ROOT / "docs" / "openapi.json"), "--config", str(config)),
            *("--output-path", str(tmp_path / PACKAGE), "--fail-on-warning"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda name="": importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_a_generated_client_takes_a_payment_from_sign_in_to_the_decision(
    app: Flask, cast: Cast, bank: FakeGateway, address: str, client: Any
) -> None:
    models = client("models")
    stranger = client().Client(base_url=address)

    asked = client("api.access.register").sync(
        client=stranger,
        body=models.Register(
            email="nuevo@clinic.test",
            password="SecurePass123!",
            full_name="Nuevo Sistema",
            phone_number="04121234567",
        ),
    )
    assert isinstance(asked, models.UserOut) and asked.is_active is False

    def signed_in(email: str) -> Any:
        login = models.Login(email=email, password=PASSWORD)
        tokens = client("api.access.login").sync(client=stranger, body=login)
        assert isinstance(tokens, models.TokenOut)
        fresh = client("api.access.refresh").sync(
            client=stranger, body=models.Refresh(refresh_token=tokens.refresh_token)
        )
        return client().AuthenticatedClient(base_url=address, token=fresh.access_token)

    his = signed_in(cast.integrator.email)
    me = client("api.access.me").sync(client=his)
    assert me.role is models.Role.INTEGRATOR

    def sent(reference: str) -> Any:
        return models.CreateTransaction(
            transaction_id=f"HIS-{reference}",
            customer=models.Customer(
                full_name="Rosa Elena Villegas", phone="0414-1234567", national_id="V9876543"
            ),
            reference=reference,
            bank=models.BankType.MOBILE_TRANSFER,
            amount="1240.00",
        )

    create = client("api.transactions.create_transaction")
    good, doubtful = payments.new_reference(), payments.new_reference()
    made = create.sync_detailed(client=his, body=sent(good))
    assert made.status_code == 201 and made.headers["ETag"].startswith('"1-')
    assert made.parsed.status is models.Status.IN_PROGRESS
    settle()
    bank.will_answer(answer(movement(queries.find(good_id := made.parsed.transaction_id))))
    status = client("api.transactions.get_transaction_status").sync(good_id, client=his)
    assert (status.status, status.synced) == (models.Status.COMPLETED, True)
    assert [reason.code for reason in status.reasons] == [models.ReasonCode.MATCHED]
    read = client("api.transactions.get_transaction").sync(made.parsed.id, client=his)
    assert read.bank_amount == "1240.00" and read.customer.phone == "04141234567"

    bank.will_answer(answer())
    other = create.sync(client=his, body=sent(doubtful))
    settle()
    strange = movement(queries.find(other.transaction_id), reference="999999999")
    bank.will_answer(answer(strange))
    status_of = client("api.transactions.get_transaction_status")
    assert status_of.sync(other.id, client=his).status is models.Status.TO_REVIEW
    listed = client("api.transactions.list_transactions").sync(
        client=his, status=models.Status.TO_REVIEW, size=5
    )
    assert (listed.total, [item.id for item in listed.items]) == (1, [other.id])

    many = client("api.transactions.create_transactions").sync(
        client=his, body=models.Batch(items=[sent(payments.new_reference()), {"amount": 1}])
    )
    assert isinstance(many, models.BatchOut)
    assert (many.created, many.refused) == (1, 1)
    assert many.items[0].transaction.customer.full_name == "Rosa Elena Villegas"
    missing = {error.pointer: error.code for error in many.items[1].problem.errors}
    assert missing["/reference"] == "missing" and missing["/amount"] == "amount"
    found: list[str] = []
    cursor: Any = ""
    while cursor is not None:
        part = client("api.transactions.list_transactions").sync(client=his, size=2, cursor=cursor)
        assert isinstance(part, models.TransactionStretch)
        found += [item.id for item in part.items]
        cursor = part.next_cursor
    assert len(found) == len(set(found)) == 3

    decision = models.ReviewDecision(decision=models.Verdict.APPROVE, reason="Vi el comprobante")
    review = client("api.transactions.review_transaction")
    refused = review.sync(other.id, client=his, body=decision)
    assert isinstance(refused, models.Problem) and refused.code == "forbidden"
    supervisor = signed_in(cast.supervisor.email)
    assert review.sync(other.id, client=supervisor, body=decision).status is models.Status.COMPLETED
    trail = client("api.transactions.list_transaction_events").sync(other.id, client=supervisor)
    assert [event.new_status for event in trail.items][-1] is models.Status.COMPLETED

    wrong = create.sync(
        client=his, body=models.CreateTransaction.from_dict({**sent("1").to_dict()})
    )
    assert isinstance(wrong, models.Problem)
    assert [error.field for error in wrong.errors] == ["reference"]
    assert client("api.access.logout").sync_detailed(client=his).status_code == 204
    assert client("api.access.me").sync(client=his).code == "invalid_token"
