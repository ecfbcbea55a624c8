"""The command line: gathers the features' commands."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from webapp.accounts.cli import users
from webapp.api.openapi.cli import openapi
from webapp.banking.cli import banesco
from webapp.banking.sandbox.cli import sandbox
from webapp.development import demo
from webapp.kernel.config import Settings
from webapp.transactions.cli import worker
from webapp.transactions.totals.cli import totals


@click.command("demo-data")
@with_appcontext
def demo_data() -> None:
    """Create the demo people and a few payments, once; refused in production."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.is_production:
        raise click.ClickException("demo-data is refused: ENVIRONMENT is production.")
    click.echo(demo.load(bank=current_app.extensions["bank"]))


def init_app(app: Flask) -> None:
    """Register every command."""
    for command in (users, worker, sandbox, demo_data, banesco, openapi, totals):
        app.cli.add_command(command)
