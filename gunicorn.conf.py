"""How gunicorn runs the application: `gunicorn wsgi:app` finds this file by itself.

HOST (default 127.0.0.1, so that nothing is open by accident; the container sets 0.0.0.0), PORT
and WEB_CONCURRENCY (processes) come from the environment. The application logs the requests.
"""

import os
import tempfile
from typing import Any

_host = os.environ.get("HOST") or "127.0.0.1"
_port = os.environ.get("PORT") or "8000"
bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# A request of which half was sent holds a thread until the rest comes. That only whole requests come here is the
# part of the proxy (deploy/nginx.conf).
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
    """Before any worker: an empty folder for the counters that the workers share, and the application, loaded once.

    Workers are forked from here, so that each is ready at once and shares what was loaded, also after `max_requests`.
    `preload_app` would load it before this, without the folder. A new release wants a restart: HUP keeps the old code.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR") or _metrics_folder()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    os.makedirs(folder, exist_ok=True)
    for entry in os.scandir(folder):
        if entry.name.endswith(".db"):
            os.unlink(entry)
    if os.environ.get("SUPERVISOR_PID"):
        from webapp.kernel.lifeline import follow_supervisor

        follow_supervisor()
    server.app.wsgi()


def _metrics_folder() -> str:
    checkout = os.path.dirname(os.path.abspath(__file__))
    data = os.path.join(checkout, os.environ.get("DATA_DIR") or ".data")
    try:
        os.makedirs(data, exist_ok=True)
    except OSError:
        data = ""
    if not os.access(data, os.W_OK):
        return tempfile.mkdtemp(prefix="areamedica-metrics-")
    return os.path.join(data, f"metrics-{_port}")


def child_exit(_server: Any, worker: Any) -> None:
    """A worker has gone: its gauges go as well, its counters stay in the sums."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
