"""`flask users …`: the people, from a terminal."""

from __future__ import annotations

import sys

import click
from flask import current_app
from flask.cli import AppGroup

from webapp.accounts import api_keys, queries, service
from webapp.kernel.config import Settings
from webapp.kernel.errors import DomainError
from webapp.kernel.i18n import gettext as _
from webapp.kernel.permissions import SYSTEM, Permission, Role
from webapp.kernel.text import is_storable

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
        raise _in_words(refusal) from None
    click.echo(f"{user.email} ({role})")


@users.command("api-key")
@click.argument("email")
@click.option("--name", required=True, help="Which program will use the key.")
@click.option("--days", default=api_keys.DEFAULT_DAYS, show_default=True, help="Until it expires.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice([permission.value for permission in Permission]),
    help="What the key may do; once for each. Default: all that the user may do now and keys may hold.",
)
def api_key(email: str, name: str, days: int, permissions: tuple[str, ...]) -> None:
    """Make a key with which a program acts as the user, and print it this once."""
    user = queries.user_by_email(email) if is_storable(email) else None
    if user is None:
        raise click.ClickException(_("No hay ningún usuario con ese correo."))
    settings: Settings = current_app.config["SETTINGS"]
    try:
        issued = api_keys.issue(
            actor=SYSTEM,
            user_id=user.id,
            name=name,
            permissions=frozenset(map(Permission, permissions)) if permissions else None,
            expires_in_days=days,
            may_review=settings.api_keys_may_review,
        )
    except DomainError as refusal:
        raise _in_words(refusal) from None
    click.echo(issued.secret)


def _in_words(refusal: DomainError) -> click.ClickException:
    sentences = [text for texts in refusal.errors.values() for text in texts]
    return click.ClickException(" ".join(map(str, sentences)) or str(refusal.sentence))
