"""A real PostgreSQL for development and tests, run from a wheel; its data lies in one folder.

Every process that uses the server holds a *lease*: a shared lock on one file, which the kernel takes back
however the process ends. The process that returns the last lease stops the server. A small watcher waits
for the same lock, so that the server stops as well when its last user was killed. The locks are the only
truth; nothing is counted or written down.

The one setting is `PG_BINDIR`: a folder with other programs, of PostgreSQL 17 or newer.
"""

from webapp.development.postgres.embedded import EmbeddedPostgres
from webapp.development.postgres.running import EmbeddedPostgresError

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]
