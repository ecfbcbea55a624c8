"""`flask openapi`: print or write the contract."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from webapp.api.openapi import document as contract


@click.command("openapi")
@click.option("--output", type=click.Path(path_type=Path), help="Write there instead of printing.")
@with_appcontext
def openapi(output: Path | None) -> None:
    """Print the API's contract (OpenAPI 3.1, JSON), or write it to a file."""
    text = contract.text(current_app)
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    click.echo(f"{output} written")
