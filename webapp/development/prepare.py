"""`flask db upgrade` and `flask demo-data` in one process, since loading the product takes longest."""

from flask.cli import cli

for command in (["db", "upgrade"], ["demo-data"]):
    try:
        cli.main(command)
    except SystemExit as end:
        if end.code:
            raise
