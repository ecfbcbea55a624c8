"""Who may connect to the server: we and root, known by the kernel (peer authentication), over its socket only.

Root's server runs as `nobody`, as other programs of the machine do. They could enter the folder of the socket,
and change what lies in the cluster's own folder: so the rules lie beside it, in a folder that is ours.
"""

import os
import pwd
from pathlib import Path

from webapp.development.postgres.running import EmbeddedPostgresError
from webapp.development.postgres.server_user import ServerUser

RULES = "pg_hba.conf"
NAMES = "pg_ident.conf"
MAP = "owners"


def write_access_rules(home: Path, *, superuser: str, server_user: ServerUser) -> dict[str, str]:
    """Write the rules into `home`; returns the settings that make the server read them.

    They replace those of a cluster that was made when every local process was let in.
    """
    lines = {
        RULES: [f"local all {superuser} peer map={MAP}"],
        NAMES: [f'{MAP} "{name}" {superuser}' for name in sorted(_owners(server_user))],
    }
    for name, content in lines.items():
        file = home / name
        file.write_text("".join(f"{line}\n" for line in content))
        file.chmod(0o644)  # No secret; the server's user reads it, only we may write it.
    return {"hba_file": str(home / RULES), "ident_file": str(home / NAMES)}


def _owners(server_user: ServerUser) -> set[str]:
    """Return the names of root, of this process's user and of the cluster's owner, unless that is nobody."""
    owners = {_name_of(0), _name_of(os.geteuid()), _name_of(server_user.uid)}
    return owners - {"nobody"} if os.geteuid() == 0 else owners


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError as error:
        raise EmbeddedPostgresError(
            f"The user with the number {uid} has no name on this machine, so PostgreSQL cannot know it: "
            "run as a user with a name or set DATABASE_URL."
        ) from error
