"""Connections to other machines, bounded in time."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def cut_off(connection: socket.socket, deadline: float) -> Iterator[None]:
    """Shut the connection down at the deadline; a socket's own timeout starts again with every byte.

    `deadline` is a time of `time.monotonic`. A read that was cut returns what came so far or raises
    OSError, so the caller compares the clock with the deadline afterwards.
    """
    handle = socket.socket(
        fileno=os.dup(connection.fileno())
    )  # wrapping in TLS detaches the first one

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
