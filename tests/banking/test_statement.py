"""`flask banesco statement` against the sandbox: the credits of the account as a sheet, and how it ends."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from tests.support.calls import pass_time
from webapp import create_app
from webapp.banking.gateway import Movement as ShownMovement
from webapp.banking.gateway import MovementState
from webapp.banking.sandbox.failures import Failure, Mode
from webapp.banking.sandbox.server import SandboxServer
from webapp.banking.sandbox.settings import SandboxSettings
from webapp.banking.sandbox.store import Movement
from webapp.banking.statement import BadDays, as_csv, read_days
from webapp.kernel import clock
from webapp.kernel.config import Settings
from webapp.kernel.database import db

ACCOUNT = "01340000000000007777"
DAY = clock.today() - timedelta(days=120)
HEADING = "date,time,reference,amount,currency,concept"


@dataclass
class Terminal:
    """Somebody at a terminal, with the sandbox as the bank of both environments."""

    app: Flask
    sandbox: SandboxServer

    def statement(self, first: str = f"{DAY}", last: str = f"{DAY}", **options: str) -> Result:
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        words = ["banesco", "statement", "--from", first, "--to", last, *arguments]
        runner = self.app.test_cli_runner()
        # In a context of its own, or the command would find the application of the test.
        result: Result = Context().run(runner.invoke, args=words)
        return result

    def change(self, **settings: Any) -> None:
        in_force: Settings = self.app.config["SETTINGS"]
        self.app.config["SETTINGS"] = in_force.model_copy(update=settings)


@pytest.fixture
def terminal(app: Flask, settings: Settings, tmp_path: Path) -> Iterator[Terminal]:
    """`app` empties the tables; the program at the terminal is one of its own."""
    with SandboxServer(settings=SandboxSettings(hang_seconds=1)) as sandbox:
        for seed in sandbox.bank.movements.all():
            sandbox.bank.movements.remove(seed.id)
        own = create_app(
            Settings.from_environment(
                {
                    "DATABASE_URL": settings.database_url or "",
                    "DATA_DIR": str(tmp_path / "data"),
                    "SECRET_KEY": "a-secret-of-the-tests-only",
                    "BANESCO_API": "confirmation",
                    "BANESCO_ACCOUNT_ID": ACCOUNT,
                    "BANESCO_TIMEOUT": "5",
                    "BANESCO_QA_API_URL": sandbox.confirmation_url,
                    "BANESCO_QA_AUTH_URL": sandbox.auth_url,
                    "BANESCO_QA_CLIENT_ID": "sandbox-client",
                    "BANESCO_QA_CLIENT_SECRET": "sandbox-secret",
                    "BANESCO_PROD_API_URL": sandbox.production_confirmation_url,
                    "BANESCO_PROD_AUTH_URL": sandbox.production_auth_url,
                    "BANESCO_PROD_CLIENT_ID": "sandbox-production",
                    "BANESCO_PROD_CLIENT_SECRET": "sandbox-production-secret",
                }
            )
        )
        yield Terminal(own, sandbox)
        with own.app_context():
            db.engine.dispose()


def credit(reference: str = "000123456789", **changes: Any) -> Movement:
    usual: dict[str, Any] = {"amount": Decimal("1240.50"), "date": DAY, "account": ACCOUNT}
    return Movement(reference=reference, **{**usual, **changes})


def stored(columns: str) -> list[tuple[Any, ...]]:
    query = text(f"SELECT {columns} FROM bank_calls ORDER BY requested_at")
    return [tuple(row) for row in db.session.execute(query)]


def rows(done: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_it_prints_what_the_account_received_and_nothing_else(terminal: Terminal):
    for movement in (
        credit(concept="Consulta, Ñusta"),
        credit("000123456788", direction="DB"),
        credit("000123456787", account="01340000000000000001"),
        credit("000123456786", date=DAY + timedelta(days=1)),
    ):
        terminal.sandbox.bank.movements.add(movement)
    done = terminal.statement()
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout_bytes.decode("utf-8").splitlines() == [
        HEADING,
        f'{DAY},10:30:00,000123456789,1240.50,BS,"Consulta, Ñusta"',
    ]


def test_its_calls_stand_in_the_evidence_and_count(terminal: Terminal):
    for _ in range(2):
        assert terminal.statement().exit_code == 0
    done = terminal.statement()
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "Error: these days were asked about a moment ago: ask again after"
    )
    calls = [
        row
        for row in stored("operation, environment, outcome, transaction_id")
        if row[0] != "token"
    ]
    assert calls == [("statement", "qa", "not_found", None)] * 2
    assert len(terminal.sandbox.calls("confirmation")) == 2
    assert terminal.statement(last=f"{DAY + timedelta(days=1)}").exit_code == 0
    pass_time(63)
    assert terminal.statement().exit_code == 0


def test_many_days_are_asked_about_in_parts_and_the_sheet_is_one(terminal: Terminal):
    for days in (0, 40, 90):
        terminal.sandbox.bank.movements.add(
            credit(f"0001234567{days:02}", date=DAY + timedelta(days=days))
        )
    done = terminal.statement(last=f"{DAY + timedelta(days=100)}")
    assert done.exit_code == 0, done.stderr
    assert [row["reference"][-2:] for row in rows(done)] == ["00", "40", "90"]
    assert len(terminal.sandbox.calls("confirmation")) == 4


def test_a_day_without_credits_is_a_sheet_without_rows(terminal: Terminal):
    done = terminal.statement()
    assert (done.exit_code, done.stdout.splitlines()) == (0, [HEADING])


def test_the_other_environment_is_asked_with_its_own_credentials(terminal: Terminal):
    assert terminal.statement(environment="production").exit_code == 0
    assert set(stored("environment")) == {("production",)}
    (call,) = terminal.sandbox.calls("confirmation")
    assert call.path == "/prod/confirmation"


def test_it_writes_a_file_only_once_the_bank_answered(terminal: Terminal, tmp_path: Path):
    terminal.sandbox.bank.movements.add(credit(concept="Consulta Ñ"))
    path = tmp_path / "statement.csv"
    path.write_text("yesterday's")
    terminal.sandbox.bank.failures.add(Failure(Mode.UNAUTHORIZED, calls="transactions"))
    assert terminal.statement(output=str(path)).exit_code == 1
    assert path.read_text() == "yesterday's"
    terminal.sandbox.bank.recover()
    pass_time(63)
    done = terminal.statement(output=str(path))
    assert (done.exit_code, done.output) == (0, "")
    assert path.read_bytes().decode("utf-8").endswith(",Consulta Ñ\r\n")


@pytest.mark.parametrize("mode", [Mode.DOWN, Mode.GARBAGE, Mode.UNAVAILABLE, Mode.UNAUTHORIZED])
def test_a_bank_that_does_not_answer_is_one_sentence(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, mode: Mode
):
    monkeypatch.setattr("webapp.banking.conversation.RETRY_WAIT", (0.0, 1.0))
    terminal.sandbox.bank.failures.add(Failure(mode, calls="transactions"))
    done = terminal.statement()
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: Banesco gave no statement (")
    assert ACCOUNT not in line


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("6/8/2025", "2025-08-06", "--from must be a day like 2026-08-06."),
        ("2025-08-06", "2025-02-30", "--to must be a day like 2026-08-06."),
        ("2025-08-06", "20250807", "--to must be a day like 2026-08-06."),
        ("2025-08-07", "2025-08-06", "--to is before --from."),
        ("2025-01-01", "2026-01-02", "--from and --to are more than 366 days."),
    ],
)
def test_wrong_days_are_one_sentence_and_ask_nothing(
    terminal: Terminal, first: str, last: str, sentence: str
):
    done = terminal.statement(first, last)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"Error: {sentence}\n"
    assert terminal.sandbox.calls() == []


def test_days_to_come_are_refused(terminal: Terminal):
    tomorrow = clock.today() + timedelta(days=1)
    done = terminal.statement(last=f"{tomorrow}")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: --to is in the future: in Caracas it is")
    day = date(2026, 8, 6)
    assert read_days("2026-08-06", "2026-08-06", today=day) == (day, day)
    with pytest.raises(BadDays):
        read_days("2026-08-06", "2026-08-07", today=day)


def test_the_dialect_without_statements_says_so(terminal: Terminal):
    terminal.change(banesco_api="status")
    done = terminal.statement()
    assert (done.exit_code, done.stderr) == (
        2,
        "Error: BANESCO_API=status has no account statement.\n",
    )


def test_a_missing_account_is_named(terminal: Terminal):
    terminal.change(
        environment="production",
        secret_key=secrets.token_hex(32),
        allowed_hosts=("localhost",),
        banesco_account_id="",
    )
    done = terminal.statement()
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: BANESCO_ACCOUNT_ID is missing: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_is_not_there_is_said_before_the_bank_is_asked(
    terminal: Terminal, tmp_path: Path
):
    done = terminal.statement(output=str(tmp_path / "nowhere" / "statement.csv"))
    assert done.exit_code == 2 and done.stderr.endswith("there is no such folder.\n")
    assert terminal.sandbox.calls() == []


@pytest.mark.parametrize("concept", ["=1+1", "＝1+1", "+58", "-1", "@sum", '=HYPERLINK("x")'])
def test_a_concept_that_a_spreadsheet_would_calculate_is_text(concept: str):
    shown = ShownMovement("1", MovementState.SETTLED, "CR", concept=concept)
    _heading, row = csv.reader(io.StringIO(as_csv([shown])))
    assert row == ["", "", "", "", "", f"'{concept}"]
