"""How gunicorn runs the floor: as `gunicorn.conf.py` runs the product, without its counters."""

worker_class = "gthread"
worker_tmp_dir = "/dev/shm"  # noqa: S108
keepalive = 5
control_socket_disable = True
