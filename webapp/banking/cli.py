"""`flask banesco …`: the certification with the bank (ERD 7.3) and the account's statement, from a terminal."""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from webapp.banking.banesco_confirmation import BanescoConfirmation
from webapp.banking.certification import report
from webapp.banking.certification.cases import CaseFileError, read_cases
from webapp.banking.certification.run import CaseResult, Verdict, run
from webapp.banking.connection import BankConnection, connect
from webapp.banking.gateway import BankError, CallNotAllowed, Claim, Movement
from webapp.banking.redaction import without_secrets
from webapp.banking.statement import BadDays, as_csv, read_days
from webapp.kernel import clock
from webapp.kernel.config import Settings, SettingsError
from webapp.kernel.database import db

banesco = AppGroup("banesco", help="The connection with Banesco.")

NO_ANSWER, COULD_NOT_START = 1, 2
STATEMENT_ATTEMPTS = 2
WORDS = {Verdict.PASS: "pass", Verdict.FALL_SHORT: "FALLS SHORT", Verdict.ERROR: "ERROR"}


class FreshTokens(dict[str, Any]):
    """A token cache that begins empty, so that the report shows how the token was obtained."""

    def set(self, key: str, value: Any, timeout: int | None = None) -> None:  # noqa: ARG002 - TokenCache
        """Keep a value for as long as the command runs."""
        self[key] = value


@banesco.command("certify")
@click.option(
    "--cases",
    "case_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The bank's test data, CSV or YAML (docs/certification.md).",
)
@click.option(
    "--environment",
    required=True,
    type=click.Choice(["qa", "production"]),
    help="Whose URLs and credentials are used, whichever is in force.",
)
@click.option(
    "--dialect",
    type=click.Choice(["status", "confirmation"]),
    help="Default: BANESCO_API.",
)
@click.option(
    "--report",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the report is written. Default: ./certification-YYYYMMDD-HHMM.",
)
def certify(case_file: Path, environment: str, dialect: str | None, folder: Path | None) -> None:
    """Run the bank's test data and write the report; exits 1 if a case falls short."""
    started_at = clock.now()
    folder = folder or Path(f"certification-{started_at.astimezone(clock.CARACAS):%Y%m%d-%H%M}")
    in_force: Settings = current_app.config["SETTINGS"]
    try:
        settings = in_force.for_bank(environment, dialect or in_force.banesco_api)
        cases = read_cases(case_file)
        if (folder / "report.md").exists():
            raise CaseFileError(f"{folder}: there is a report in it already.")
        connection = connect(settings, FreshTokens())
    except (SettingsError, CaseFileError) as problem:
        raise _error_exit(COULD_NOT_START, str(problem)) from None
    db.session.rollback()  # the log of calls commits on its own
    results = run(
        cases,
        gateway=connection.gateway,
        call_log_for=connection.call_log,
        allowed_at=partial(_allowed_at, connection),
        seconds=settings.banesco_timeout + 5,
        on_result=_print_result,
    )
    _write_report(folder, _setup(settings, started_at), results)
    passed = sum(result.verdict is Verdict.PASS for result in results)
    click.echo(f"{passed} of {len(results)} cases pass. Report: {folder / 'report.md'}")
    if passed < len(results):
        raise SystemExit(1)


def _error_exit(code: int, sentence: str) -> SystemExit:
    click.echo(f"Error: {sentence}", err=True)
    return SystemExit(code)


def _allowed_at(connection: BankConnection, claim: Claim) -> datetime | None:
    moment = connection.next_allowed_at(claim)
    db.session.rollback()  # nothing stays open while we wait
    return moment


def _print_result(result: CaseResult) -> None:
    reason = f": {result.reason}" if result.reason else ""
    click.echo(f"{result.case.id:<12} {WORDS[result.verdict]}{reason}")


def _setup(settings: Settings, started_at: Any) -> report.Setup:
    bank = settings.bank
    return report.Setup(
        app=f"{settings.app_name} {settings.app_version}",
        environment=bank.environment,
        dialect=settings.banesco_api,
        api_url=without_secrets(bank.api_url),
        auth_url=without_secrets(bank.auth_url),
        grant_type=settings.banesco_grant_type,
        timeout=settings.banesco_timeout,
        limit=settings.banesco_rate_limit,
        separate_credentials=_has_other_credentials(settings),
        started_at=started_at,
    )


def _has_other_credentials(settings: Settings) -> bool | None:
    """Return whether the two environments' credentials differ; None where one has none yet."""
    qa = (settings.banesco_qa_client_id, settings.banesco_qa_client_secret)
    production = (settings.banesco_prod_client_id, settings.banesco_prod_client_secret)
    if not all(qa) or not all(production):
        return None
    return qa[0] != production[0] and qa[1] != production[1]


def _write_report(folder: Path, setup: report.Setup, results: list[CaseResult]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(report.as_json(setup, results), ensure_ascii=False, indent=2)
    (folder / "report.json").write_text(f"{content}\n", encoding="utf-8")
    (folder / "report.md").write_text(report.as_markdown(setup, results), encoding="utf-8")


@banesco.command("statement")
@click.option("--from", "first", required=True, metavar="YYYY-MM-DD", help="The first day.")
@click.option("--to", "last", required=True, metavar="YYYY-MM-DD", help="The last day, included.")
@click.option(
    "--environment",
    type=click.Choice(["qa", "production"]),
    help="Whose URLs and credentials are used. Default: BANESCO_ENVIRONMENT.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="A file to write instead of the terminal.",
)
def statement(first: str, last: str, environment: str | None, output: Path | None) -> None:
    """Print as CSV what the clinic's account received on these days (docs/operations.md)."""
    in_force: Settings = current_app.config["SETTINGS"]
    try:
        start, end = read_days(first, last, today=clock.today())
        settings = in_force.for_bank(
            environment or in_force.banesco_environment, in_force.banesco_api
        )
    except (BadDays, SettingsError) as problem:
        raise _error_exit(COULD_NOT_START, str(problem)) from None
    if output is not None and not output.parent.is_dir():
        raise _error_exit(COULD_NOT_START, f"{output.parent}: there is no such folder.")
    _write_sheet(as_csv(_movements(settings, start, end)), output)


def _movements(settings: Settings, start: date, end: date) -> list[Movement]:
    connection = connect(settings, FreshTokens())
    gateway = connection.gateway
    if not isinstance(gateway, BanescoConfirmation):
        raise _error_exit(
            COULD_NOT_START, f"BANESCO_API={settings.banesco_api} has no account statement."
        )
    db.session.rollback()  # the log of calls commits on its own
    try:
        return gateway.statement(
            start=start,
            end=end,
            call_log_for=connection.call_log_for,
            seconds=connection.worker_seconds,
            attempts=min(STATEMENT_ATTEMPTS, connection.policy.limit),
        )
    except BankError as error:
        raise _error_exit(NO_ANSWER, f"Banesco gave no statement ({error.detail}).") from None
    except CallNotAllowed as limit:
        again = f"{limit.allowed_at.astimezone(clock.CARACAS):%H:%M:%S}"
        sentence = f"these days were asked about a moment ago: ask again after {again} (Caracas)."
        raise _error_exit(NO_ANSWER, sentence) from None


def _write_sheet(sheet: str, output: Path | None) -> None:
    if output is None:
        click.echo(sheet.encode(), nl=False)
        return
    try:
        output.write_bytes(sheet.encode())
    except OSError as problem:
        raise _error_exit(COULD_NOT_START, f"{output}: {problem.strerror}.") from None
