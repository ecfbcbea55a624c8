"""`flask worker`."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import ScriptInfo, with_appcontext

from webapp.banking.connection import BankConnection
from webapp.kernel import lifeline
from webapp.transactions.worker import Worker


@click.command("worker")
@click.option("--once", is_flag=True, help="Ask about everything that is due now, then stop.")
@with_appcontext
def worker(once: bool) -> None:
    """Ask the bank about every payment that is due and send webhooks, until stopped."""
    lifeline.follow_supervisor()
    bank: BankConnection = current_app.extensions["bank"]
    app = click.get_current_context().ensure_object(ScriptInfo).load_app()
    worker_ = Worker(app=app, bank=bank, sender=current_app.extensions["webhooks"])
    if once:
        click.echo(f"{worker_.run_once()} checked")
    else:
        worker_.run()
