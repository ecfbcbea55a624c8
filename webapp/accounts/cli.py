"""`flask users …`: the people, from a terminal."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from webapp.accounts import service
from webapp.errors import DomainError
from webapp.permissions import Role

users = AppGroup("users", help="The people and programs that use the product.")


@users.command("create")
@click.argument("email")
@click.option("--name", "full_name", required=True, help="Name and surname.")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create(email: str, full_name: str, role: str, password_stdin: bool) -> None:
    """Create an active user with the permissions of a role."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        user = service.create_user(
            email=email, full_name=full_name, password=password, role=Role(role)
        )
    except DomainError as refusal:
        sentences = [text for texts in refusal.errors.values() for text in texts]
        raise click.ClickException(" ".join(map(str, sentences)) or str(refusal.sentence)) from None
    click.echo(f"{user.email} ({role})")
