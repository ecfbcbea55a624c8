"""End this process when the launcher is gone, so that a killed launcher leaves nothing behind."""

import os
import signal
import threading
import time
from pathlib import Path

VARIABLE = "SUPERVISOR_PID"
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 8.0


def follow_supervisor() -> None:
    """Follow the launcher that set `SUPERVISOR_PID`; in production none did: do nothing."""
    given = os.environ.get(VARIABLE, "")
    if given.isdecimal():
        follow(int(given))


def follow(pid: int) -> None:
    """Send ourselves SIGTERM once process `pid` is gone, and SIGKILL if that was not enough."""
    threading.Thread(
        target=_wait_for_end, args=(pid, _birth(pid)), name="lifeline", daemon=True
    ).start()


def is_alive(pid: str) -> bool:
    """Tell whether a process with this number runs."""
    return pid.isdecimal() and _birth(int(pid)) != ""


def _wait_for_end(pid: int, born: str) -> None:
    while born and _birth(pid) == born:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _birth(pid: int) -> str:
    """Return when the process started, which tells it from a later one with its number; empty for a zombie."""
    try:
        if Path("/proc/self/stat").exists():
            # The name, in parentheses, may hold anything; state and start time are fields 3 and 22.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return "" if fields[0] in "ZX" else fields[19]
        os.kill(pid, 0)
    except PermissionError:
        return "another user's"
    except OSError:
        return ""
    return "running"
