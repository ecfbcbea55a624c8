"""Several things at the same instant, each in a thread with its own application context."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask


def together(app: Flask, actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all at once; what each returned or raised, in order."""
    gate = threading.Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        with app.app_context():
            gate.wait(timeout=30)
            try:
                return action()
            except Exception as error:
                return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))
