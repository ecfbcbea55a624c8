"""What the application writes to its log while a test looks."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog


class LogLines:
    """The log since the watching began."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        """Everything, as it would stand in the file."""
        return self._stream.getvalue()

    def entries(self, event: str | None = None) -> list[dict[str, Any]]:
        """The lines as objects, of one event or all; every line must be JSON."""
        entries: list[dict[str, Any]] = [json.loads(line) for line in self.text.splitlines()]
        return [entry for entry in entries if event in (None, entry.get("event"))]


@contextmanager
def watched() -> Iterator[LogLines]:
    """Watch the log as the application formats it."""
    root = logging.getLogger()
    (formatter,) = {
        handler.formatter
        for handler in root.handlers
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter)
    }
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root.addHandler(handler)
    try:
        yield LogLines(stream)
    finally:
        root.removeHandler(handler)
