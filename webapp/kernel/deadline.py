"""Connections to other machines, bounded in time."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def cut_off(line: socket.socket, deadline: float) -> Iterator[None]:
    """Shut a connection at the deadline, however slowly it still receives: a socket's timeout restarts with each byte.

    `deadline` is a time of `time.monotonic`. A reader then gets the end of the stream, or an OSError: look at the
    clock afterwards.
    """
    handle = socket.socket(fileno=os.dup(line.fileno()))  # TLS has, or takes, the first one over

    def shut() -> None:
        with suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(max(deadline - time.monotonic(), 0.01), shut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        watch.join()
        handle.close()
