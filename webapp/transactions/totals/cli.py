"""`flask totals`: prove the kept totals, or set them right."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from webapp.transactions.totals import derived, keeping
from webapp.transactions.totals.derived import Deviation
from webapp.transactions.totals.keeping import Difference
from webapp.transactions.totals.periods import Grain

totals = AppGroup("totals", help="The kept totals of payments.")


@totals.command("verify")
def verify() -> None:
    """Compare every kept total with the payments; a difference is an error that names its day."""
    found = [_line(difference) for difference in keeping.differences()]
    found += [_line_of(deviation) for deviation in derived.deviations()]
    for line in found[:50]:
        click.echo(line, err=True)
    if found:
        raise click.ClickException(
            f"{len(found)} kept totals differ from the payments; `flask totals rebuild` sets them right."
        )
    click.echo("Every kept total equals the payments.")


@totals.command("rebuild")
def rebuild() -> None:
    """Set every kept total right by the payments, while everybody goes on working."""
    wrong = len(keeping.differences()) + len(derived.deviations())
    keeping.repair()
    click.echo(f"{wrong} kept totals were set right.")


def _line(difference: Difference) -> str:
    period = {
        Grain.ALL: "all time",
        Grain.YEAR: f"year {difference.period:%Y}",
        Grain.MONTH: f"month {difference.period:%Y-%m}",
        Grain.DAY: f"day {difference.period.isoformat()}",
    }[Grain(difference.grain)]
    what = ", ".join(
        str(value) for name, value in difference.dimensions.items() if name != "created_by"
    )
    return (
        f"{period}: {what}: {difference.payments:+} payments, "
        f"{difference.declared:+} declared, {difference.arrived:+} arrived"
    )


def _line_of(deviation: Deviation) -> str:
    """Say of what follows the totals where it differs; a creator is nobody's business in a log."""
    told = {name: value for name, value in deviation.of.items() if name != "created_by"}
    what = ", ".join(f"{name} {value}" for name, value in told.items())
    return f"{what}: {deviation.payments:+} payments"
