"""Whom the server runs as, and the folders that this user can enter: PostgreSQL refuses to run as root."""

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from webapp.development.postgres.running import EmbeddedPostgresError

ELSEWHERE = Path("/var/tmp")  # noqa: S108 - what is made in it is private; unlike /tmp it survives a restart
MARKER = "elsewhere"
RUN_SECONDS = 120.0


@dataclass(frozen=True)
class ServerUser:
    """The user of the server's processes: ourselves, or another one where we are root."""

    uid: int
    gid: int

    @classmethod
    def ourselves(cls) -> "ServerUser":
        """Return the user of this process."""
        return cls(os.geteuid(), os.getegid())

    @classmethod
    def of(cls, cluster: Path) -> "ServerUser":
        """Return who serves this cluster: for root its owner, or `nobody` where root or none owns it.

        Raises EmbeddedPostgresError.
        """
        if os.geteuid() != 0:
            return cls.ourselves()
        with contextlib.suppress(FileNotFoundError):
            owner = cluster.stat()
            if owner.st_uid != 0:
                return cls(owner.st_uid, owner.st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as error:
            raise EmbeddedPostgresError(
                "PostgreSQL refuses to run as root and this machine has no user nobody: "
                "run as an ordinary user or set DATABASE_URL."
            ) from error
        return cls(nobody.pw_uid, nobody.pw_gid)

    @property
    def is_other(self) -> bool:
        """Whether the server runs as somebody else than this process."""
        return self.uid != os.geteuid()

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program as this user; its output comes back as text."""
        return subprocess.run(  # noqa: S603 - our own programs, no shell
            [str(part) for part in command],
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
            cwd="/",  # The current folder may be one that the user cannot enter.
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},  # None of the PG… variables.
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=RUN_SECONDS,
            check=False,
        )

    def can_reach(self, path: Path) -> bool:
        """Return whether the user may enter this folder, or run this program."""
        if not self.is_other:
            return True
        try:
            return self.run("/bin/sh", "-c", 'test -x "$1"', "sh", path).returncode == 0
        except OSError as error:
            raise EmbeddedPostgresError(
                "PostgreSQL refuses to run as root, and root cannot change to another user here: "
                "run as an ordinary user or set DATABASE_URL."
            ) from error


def home_of(data_dir: Path) -> Path:
    """Return where the data is: `data_dir`, or a folder elsewhere that a marker in it remembers."""
    return _elsewhere(data_dir) if (data_dir / MARKER).exists() else data_dir


def choose_home(data_dir: Path) -> None:
    """Move out of a folder that root's server may not enter, once."""
    home, marker, ourselves = _elsewhere(data_dir), data_dir / MARKER, ServerUser.ourselves()
    if marker.exists():
        ensure_folder(home, ourselves, 0o755)
    elif not ServerUser.of(data_dir / "cluster").can_reach(data_dir):
        announce(f"PostgreSQL does not run as root: its data is in {home}.")
        shutil.rmtree(home, ignore_errors=True)  # Of an earlier checkout at the same place.
        ensure_folder(home, ourselves, 0o755)
        marker.write_text(f"{home}\n")


def ensure_folder(path: Path, user: ServerUser, mode: int) -> None:
    """Make the folder for `user`; one that exists must be that user's, and nobody else may write to it.

    Raises EmbeddedPostgresError.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        path.chmod(mode)
        if user.is_other:
            os.chown(path, user.uid, user.gid)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user.uid or found.st_mode & 0o022:
        raise EmbeddedPostgresError(f"{path} exists but is not a folder of ours: remove it.")


def digest(value: object) -> str:
    """Return ten characters that stand for a path, for names of folders."""
    return hashlib.sha256(os.fsencode(str(value))).hexdigest()[:10]


def last_line(text: str) -> str:
    """Return the last line that a program printed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


def announce(line: str) -> None:
    """Tell the person at the terminal."""
    print(line, file=sys.stderr, flush=True)


def _elsewhere(data_dir: Path) -> Path:
    return ELSEWHERE / f"areamedica-{digest(data_dir)}"
