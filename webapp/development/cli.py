"""`flask demo-data`."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from webapp.development import demo
from webapp.kernel.config import Settings


@click.command("demo-data")
@with_appcontext
def demo_data() -> None:
    """Create the demo people and a few payments, once; refused in production."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.is_production:
        raise click.ClickException("demo-data is refused: ENVIRONMENT is production.")
    click.echo(demo.load(bank=current_app.extensions["bank"]))
