"""The command `sandbox`: the bank for development, in a process of its own."""

from __future__ import annotations

import os

import click

from webapp.banking.sandbox.server import SandboxServer
from webapp.banking.sandbox.settings import DEFAULT_HOST, DEFAULT_PORT, SandboxSettings
from webapp.kernel.lifeline import follow_supervisor


@click.command("sandbox")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    envvar="SANDBOX_PORT",
    default=DEFAULT_PORT,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="The address to listen on.")
def sandbox(port: int, host: str) -> None:
    """Run the bank sandbox: an imitation of Banesco for development and tests."""
    if os.environ.get("ENVIRONMENT", "").strip().lower() == "production":
        raise click.ClickException(
            "The bank sandbox does not start where ENVIRONMENT is production: "
            "it would verify payments that nobody made."
        )
    follow_supervisor()
    try:
        settings = SandboxSettings.from_environment(os.environ)
        server = SandboxServer(host=host, port=port, settings=settings)
    except ValueError as problem:
        raise click.ClickException(str(problem)) from None
    except OSError as problem:
        raise click.ClickException(
            f"The bank sandbox cannot listen on {host} port {port} ({problem.strerror}); "
            "choose another port with --port or SANDBOX_PORT."
        ) from None
    server.serve_until_signalled(lambda: click.echo(f"Bank sandbox at {server.base_url}"))
