"""Make `.venv` from `requirements-dev.txt`: this is `make setup`.

Run by the machine's own Python, before anything is installed: standard library only, and old
versions must be able to read this file, so that they can say what is wrong.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
LOCK_FILE = "requirements-dev.txt"
VENV = ".venv"
READY = os.path.join(VENV, ".ready")
PYTHON = os.path.join(VENV, "bin", "python")


def main():  # type: () -> int
    """Make or update the environment unless it is ready; returns the exit code."""
    if sys.version_info < OLDEST:
        return refuse(
            "Python 3.11 or newer is needed, this is %d.%d: install one and say PYTHON=python3.11"  # noqa: UP031
            % sys.version_info[:2]
        )
    with open(VENV + ".lock", "w") as lock:  # Two makes at once take turns.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready():
            return 0
        print("Installing the dependencies into .venv (once, about a minute) ...")
        sys.stdout.flush()
        return install()


def is_ready():  # type: () -> bool
    """Return whether the present lock file was installed completely and the environment's Python starts."""
    try:
        with open(READY) as ready:
            return ready.read() == lock_digest() and starts()
    except OSError:
        return False


def starts():  # type: () -> bool
    """Return whether the environment's Python starts: not where it was removed or the folder was moved."""
    code = "import os, sys; sys.exit(not os.path.samefile(sys.prefix, sys.argv[1]))"
    try:
        return run(PYTHON, "-I", "-c", code, VENV)
    except OSError:
        return False


def install():  # type: () -> int
    """Install the lock file; `.ready` comes last, so that an interrupted run is done again."""
    if os.path.exists(READY) and starts():
        os.unlink(READY)  # The lock file has changed: pip installs the difference.
    else:
        shutil.rmtree(VENV, ignore_errors=True)
        if not run(sys.executable, "-c", "import ensurepip"):
            return refuse("This Python lacks venv: install it (apt-get install python3-venv).")
        if not run(sys.executable, "-m", "venv", VENV):
            return refuse("The virtual environment could not be made; the lines above say why.")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    if not run(*pip, "--only-binary", ":all:", "--require-hashes", "-r", LOCK_FILE):
        return refuse("The dependencies could not be installed; the lines above say why.")
    with open(READY, "w") as ready:
        ready.write(lock_digest())
    return 0


def lock_digest():  # type: () -> str
    """Return a digest of the lock file's present content."""
    with open(LOCK_FILE, "rb") as lock_file:
        return hashlib.sha256(lock_file.read()).hexdigest()


def run(*command):  # type: (*str) -> bool
    """Run a program; return whether it succeeded."""
    return subprocess.call(command) == 0  # noqa: S603 - our own commands, no shell


def refuse(sentence):  # type: (str) -> int
    """Print what is wrong in one line; returns the exit code."""
    sys.stderr.write(sentence + "\n")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
