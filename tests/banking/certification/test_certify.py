"""`flask banesco certify` against the sandbox: verdicts, report, evidence, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from tests.support.calls import pass_time
from webapp import create_app
from webapp.banking import cli
from webapp.banking.certification.run import run
from webapp.banking.sandbox.server import SandboxServer
from webapp.banking.sandbox.settings import SandboxSettings
from webapp.kernel.config import PROJECT_ROOT, Settings
from webapp.kernel.database import db

EXAMPLES = PROJECT_ROOT / "docs" / "certification"


@dataclass
class Terminal:
    """Somebody at a terminal, with the sandbox as the bank of both environments."""

    app: Flask
    sandbox: SandboxServer
    folder: Path

    def certify(self, cases: Path, *, environment: str = "qa", **options: str) -> Result:
        given = {"cases": str(cases), "environment": environment, "report": str(self.folder / "r")}
        arguments = [
            part for name, value in {**given, **options}.items() for part in (f"--{name}", value)
        ]
        runner = self.app.test_cli_runner()
        # In a context of its own, or the command would find the application of the test.
        result: Result = Context().run(runner.invoke, args=["banesco", "certify", *arguments])
        return result

    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "r" / "report.json").read_text())
        return content

    def markdown(self) -> str:
        return (self.folder / "r" / "report.md").read_text()


@pytest.fixture
def terminal(app: Flask, settings: Settings, tmp_path: Path) -> Iterator[Terminal]:
    """`app` empties the tables; the program at the terminal is one of its own."""
    with SandboxServer(settings=SandboxSettings(hang_seconds=1)) as sandbox:
        own = create_app(
            Settings.from_environment(
                {
                    "DATABASE_URL": settings.database_url or "",
                    "DATA_DIR": str(tmp_path / "data"),
                    "SECRET_KEY": "a-secret-of-the-tests-only",
                    "BANESCO_TIMEOUT": "5",
                    "BANESCO_QA_API_URL": sandbox.api_url,
                    "BANESCO_QA_AUTH_URL": sandbox.auth_url,
                    "BANESCO_QA_CLIENT_ID": "sandbox-client",
                    "BANESCO_QA_CLIENT_SECRET": "sandbox-secret",
                    "BANESCO_PROD_API_URL": sandbox.production_api_url,
                    "BANESCO_PROD_AUTH_URL": sandbox.production_auth_url,
                    "BANESCO_PROD_CLIENT_ID": "sandbox-production",
                    "BANESCO_PROD_CLIENT_SECRET": "sandbox-production-secret",
                }
            )
        )
        yield Terminal(own, sandbox, tmp_path)
        with own.app_context():
            db.engine.dispose()


def cases(folder: Path, *rows: str) -> Path:
    path = folder / "cases.csv"
    heading = "id,kind,reference,expected,expected_amount,expected_currency"
    path.write_text("\n".join((heading, *rows)))
    return path


def stored(columns: str) -> list[tuple[Any, ...]]:
    query = text(f"SELECT {columns} FROM bank_calls ORDER BY requested_at")
    return [tuple(row) for row in db.session.execute(query)]


def test_the_example_passes_against_the_sandbox(terminal: Terminal):
    done = terminal.certify(EXAMPLES / "cases-status.csv")
    assert done.exit_code == 0, done.output
    assert "14 of 14 cases pass" in done.output
    report = terminal.report()
    assert report["passed"] is True and report["environment"] == "qa"
    assert {case["verdict"] for case in report["cases"]} == {"pass"}


def test_the_example_of_the_other_dialect_passes_as_well(terminal: Terminal):
    settings: Settings = terminal.app.config["SETTINGS"]
    confirming = settings.model_copy(
        update={"banesco_qa_api_url": terminal.sandbox.confirmation_url}
    )
    terminal.app.config["SETTINGS"] = confirming
    done = terminal.certify(EXAMPLES / "cases-confirmation.yaml", dialect="confirmation")
    assert done.exit_code == 0, done.output


def test_every_case_shows_its_exact_question_and_answer_and_no_secret(terminal: Terminal):
    done = terminal.certify(cases(terminal.folder, "A-1,BANESCO,100124000,settled,1240.00,VES"))
    assert done.exit_code == 0, done.output
    token, question = terminal.report()["cases"][0]["exchanges"]
    assert token["request"]["form"]["client_secret"] == "•••"
    assert token["response"]["access_token"] == "•••"
    assert question["request"]["url"] == f"{terminal.sandbox.api_url}/transactions/100124000"
    assert question["request"]["headers"]["Authorization"] == "Bearer •••"
    assert question["response"]["status"] == "approved" and len(question["digest"]) == 64
    markdown = terminal.markdown()
    assert '"status": "approved"' in markdown and "1 de 1 casos pasan" in markdown
    for secret in ("sandbox-secret", "sandbox-production-secret"):
        assert secret not in markdown + json.dumps(terminal.report())
    assert stored("transaction_id, environment, operation, outcome") == [
        (None, "qa", "certification_token", "token"),
        (None, "qa", "certification", "found"),
    ]


def test_cases_that_fall_short_say_why(terminal: Terminal):
    wrong = [
        ("BANESCO,100124000,not_found,,", "fall_short", "muestra dinero recibido"),
        ("BANESCO,600124000,found,,", "fall_short", "respondió not_found"),
        ("BANESCO,300124000,settled,,", "fall_short", "refused «rejected»"),
        ("BANESCO,200124000,settled,1240.00,", "fall_short", "muestra settled «approved» CR 1241"),
        ("BANESCO,240124000,settled,,VES", "fall_short", "USD"),
        ("BANESCO,100125000,unavailable,,", "fall_short", "se esperaba unavailable"),
        ("BANESCO,800124000,found,,", "error", "unavailable (HTTP 500)"),
        ("BANESCO,910124000,found,,", "error", "unreadable"),
    ]
    rows = [f"W-{number},{row}" for number, (row, _, _) in enumerate(wrong)]
    done = terminal.certify(cases(terminal.folder, *rows, "R,BANESCO,100126000,settled,,"))
    assert done.exit_code == 1, done.output
    assert "1 of 9 cases pass" in done.output
    told = done.output.splitlines()
    for case, line, (_row, verdict, reason) in zip(
        terminal.report()["cases"], told, wrong, strict=False
    ):
        assert case["verdict"] == verdict, case
        assert reason in case["reason"] and reason in line
        assert reason in terminal.markdown()


def test_production_is_asked_with_its_own_credentials_whatever_is_in_force(terminal: Terminal):
    path = cases(terminal.folder, "A,BANESCO,100124000,settled,,")
    assert terminal.certify(path, environment="production").exit_code == 0
    assert stored("environment, outcome") == [("production", "token"), ("production", "found")]
    assert terminal.sandbox.calls("transactions")[0].path == "/prod/transactions/100124000"


def test_what_the_run_proves_is_ticked_and_the_rest_is_left_to_people(terminal: Terminal):
    path = cases(
        terminal.folder,
        "A,BANESCO,100124000,settled,,",
        "B,BANESCO,600124000,not_found,,",
        "C,BANESCO,810124000,unavailable,,",
    )
    assert terminal.certify(path).exit_code == 0
    markdown = terminal.markdown()
    for done in (
        "- [x] OAuth 2.0: token obtenido con client_credentials",
        "- [ ] TLS verificado en todas las llamadas (una URL es http)",
        "- [x] Credenciales distintas en QA y producción",
        "- [x] Errores del banco manejados (C)",
        "- [x] Pruebas de integración con datos de prueba exitosas",
        "- [x] Documentación de casos de prueba preparada",
        "- [ ] Planillas de Banesco completadas",
        "- [ ] Aprobación de pruebas QA por Banesco",
        "- [ ] Procedimientos de escalación definidos",
    ):
        assert done in markdown


def test_a_wrong_file_is_one_line_and_asks_nothing(terminal: Terminal):
    done = terminal.certify(cases(terminal.folder, "A,BANESCO,12x,found,,"))
    assert done.exit_code == 2
    assert done.output == "Error: row 2, reference: must be 1 to 20 digits.\n"
    assert terminal.sandbox.calls("token") == [] and not (terminal.folder / "r").exists()


def test_a_report_is_never_overwritten(terminal: Terminal):
    path = cases(terminal.folder, "A,BANESCO,600124000,not_found,,")
    assert terminal.certify(path).exit_code == 0
    again = terminal.certify(path)
    assert again.exit_code == 2 and "a report in it already" in again.output
    assert len(stored("id")) == 2


def test_another_run_within_a_minute_waits_for_the_limit(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
):
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        pass_time(seconds)

    monkeypatch.setattr(cli, "run", partial(run, sleep=sleep))
    twice = cases(terminal.folder, *(f"{n},BANESCO,600124000,not_found,," for n in "AB"))
    assert terminal.certify(twice, report=str(terminal.folder / "first")).exit_code == 0
    assert slept == []
    done = terminal.certify(twice, report=str(terminal.folder / "second"))
    assert done.exit_code == 0, done.output
    assert 55 < sum(slept) < 70
    assert len(set(stored("subject")) - {(None,)}) == 1


def test_an_environment_without_credentials_names_what_is_missing(app: Flask, tmp_path: Path):
    path = cases(tmp_path, "A,BANESCO,600124000,not_found,,")
    runner = app.test_cli_runner()
    done = runner.invoke(
        args=["banesco", "certify", "--cases", str(path), "--environment", "production"]
    )
    assert done.exit_code == 2
    assert done.output.startswith("Error: BANESCO_PROD_API_URL is missing")
    assert len(done.output.splitlines()) == 1
