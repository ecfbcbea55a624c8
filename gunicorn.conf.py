"""How gunicorn runs the application: `gunicorn wsgi:app` finds this file by itself.

HOST (default 127.0.0.1, so that nothing is open by accident; the container sets 0.0.0.0), PORT
and WEB_CONCURRENCY (processes) come from the environment. The application logs the requests.
"""

import os
import shutil
import tempfile
from typing import Any

_host = os.environ.get("HOST") or "127.0.0.1"
bind = (
    f"[{_host}]:{os.environ.get('PORT') or 8000}"
    if ":" in _host
    else f"{_host}:{os.environ.get('PORT') or 8000}"
)
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "gthread"
threads = 8
timeout = 30
graceful_timeout = 20
keepalive = 5
# A slow leak in a library never grows; the jitter keeps the workers from restarting together.
max_requests = 20_000
max_requests_jitter = 2_000
# Heartbeats in memory: on a busy disk they would stall the workers.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
# It would lie in HOME, which a container's user has not got.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Before any worker: an empty folder for the counters that the workers share."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        os.makedirs(folder, exist_ok=True)
        for entry in os.scandir(folder):
            if entry.name.endswith(".db"):
                os.unlink(entry)
    else:
        server.areamedica_metrics = tempfile.mkdtemp(prefix="areamedica-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = server.areamedica_metrics
    if os.environ.get("SUPERVISOR_PID"):
        from webapp.development.lifeline import follow_supervisor

        follow_supervisor()


def child_exit(server: Any, worker: Any) -> None:
    """A worker has gone: its gauges go as well, its counters stay in the sums."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Remove the folder that we made."""
    folder = getattr(server, "areamedica_metrics", None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
