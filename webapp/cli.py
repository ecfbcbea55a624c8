"""The command line: names the features' commands, and imports each one only where it is run.

A web process runs none of them, and what some of them need is large.
"""

from __future__ import annotations

from importlib import import_module

import click
from flask import Flask
from flask.cli import AppGroup

COMMANDS = {
    "db": "flask_migrate.cli:db",
    "users": "webapp.accounts.cli:users",
    "worker": "webapp.transactions.cli:worker",
    "sandbox": "webapp.banking.sandbox.cli:sandbox",
    "demo-data": "webapp.development.cli:demo_data",
    "banesco": "webapp.banking.cli:banesco",
    "openapi": "webapp.api.openapi.cli:openapi",
    "totals": "webapp.transactions.totals.cli:totals",
}
"""Where each command stands: a module, and its name there."""


class FeatureCommands(AppGroup):
    """Commands that are imported when somebody asks for them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, None where there is no such command."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


def init_app(app: Flask) -> None:
    """Offer every command to `flask`, beside those that extensions have added."""
    app.cli = FeatureCommands(app.name, commands=app.cli.commands)
