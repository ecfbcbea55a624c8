"""How each failure looks on the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any, Protocol

from flask import Response

from webapp.banking.sandbox.bank import Bank
from webapp.banking.sandbox.clock import machine_time
from webapp.banking.sandbox.failures import Mode

RETRY_AFTER = 5
CHUNK = b"x" * 65_536
ELSEWHERE = "/elsewhere"
GARBAGE = (
    "<!DOCTYPE html><html><head><title>Banesco</title></head>"
    "<body><h1>Su sesi&oacute;n ha expirado</h1></body></html>"
)


class Voice(Protocol):
    """The errors of one endpoint of the bank, in its own form."""

    def error(self, status: int) -> Response:
        """Return the refusal or failure that stands for an HTTP status."""

    def wrong_types(self, variant: int) -> str:
        """Return JSON with wrong types, or of a wrong shape; `variant` is 0 to 9."""


class CutConnection(ConnectionAbortedError):
    """Raised while a response is sent: the server closes the connection, and nothing more comes."""


class ResetConnection(ConnectionResetError):
    """Raised while a response is sent: the server closes the connection with a TCP reset."""


class Ending(Iterator[bytes]):
    """A body that ends the connection before its first byte, after a wait where one is given."""

    def __init__(self, error: type[ConnectionError], wait: Callable[[], object] | None = None):
        self._error = error
        self._wait = wait

    def __next__(self) -> bytes:
        if self._wait is not None:
            self._wait()
        raise self._error


class Unanswered(Response):
    """A response of which no byte is sent: its body is an `Ending`."""


def reply(payload: Any, status: int = 200) -> Response:
    """Return a JSON answer as the bank writes it."""
    body = json.dumps(payload, ensure_ascii=False)
    return Response(body, status=status, content_type="application/json; charset=utf-8")


def play(
    mode: Mode,
    *,
    bank: Bank,
    voice: Voice,
    honest: Response | None = None,
    variant: int = 0,
    retry_after: int | None = None,
) -> Response:
    """Return the response that fails in this way; modes that distort need the right answer."""
    match mode:
        case Mode.DOWN:
            return Unanswered(Ending(CutConnection))
        case Mode.RESET:
            return Unanswered(Ending(ResetConnection))
        case Mode.HANG:
            wait = partial(bank.pauses.wait, bank.settings.hang_seconds)
            return Unanswered(Ending(CutConnection, wait))
        case Mode.GARBAGE:
            return Response(GARBAGE, content_type="text/html; charset=utf-8")
        case Mode.WRONG_TYPES:
            return Response(voice.wrong_types(variant), content_type="application/json")
        case Mode.REDIRECT:
            return Response(status=302, headers={"Location": ELSEWHERE})
        case Mode.SLOW | Mode.HALF_BODY | Mode.CONTENT_TYPE | Mode.HUGE:
            return _distort(mode, honest or reply({}), bank)
        case _:
            return _refuse(mode, voice, retry_after)


def _refuse(mode: Mode, voice: Voice, retry_after: int | None) -> Response:
    response = voice.error(mode.http_status or 500)
    seconds = retry_after or RETRY_AFTER
    if mode == Mode.TOO_MANY_DATE:
        # By the machine's clock, which the caller compares it with.
        moment = machine_time() + timedelta(seconds=seconds)
        response.headers["Retry-After"] = format_datetime(moment, usegmt=True)
    elif mode == Mode.TOO_MANY or (retry_after and mode != Mode.TOO_MANY_SILENT):
        response.headers["Retry-After"] = str(seconds)
    return response


def _distort(mode: Mode, honest: Response, bank: Bank) -> Response:
    body = honest.get_data()
    content_type = honest.content_type or "application/json"
    if mode == Mode.CONTENT_TYPE:
        return Response(body, honest.status, content_type="text/html; charset=utf-8")
    if mode == Mode.HUGE:
        stream = _padded(body, bank.settings.huge_bytes)
        return Response(stream, honest.status, content_type=content_type)
    stream = iter([body[: len(body) // 2]]) if mode == Mode.HALF_BODY else _drip(body, bank)
    # The promised length stays, so that a client can tell that something is missing.
    headers = {"Content-Length": str(len(body))}
    return Response(stream, honest.status, headers, content_type=content_type)


def _drip(body: bytes, bank: Bank) -> Iterator[bytes]:
    """Yield a byte at a time; cut the connection once it took as long as a hanging call."""
    ends = time.monotonic() + bank.settings.hang_seconds
    for position in range(len(body)):
        yield body[position : position + 1]
        if bank.pauses.wait(bank.settings.drip_seconds) or time.monotonic() > ends:
            raise CutConnection


def _padded(body: bytes, size: int) -> Iterator[bytes]:
    """Yield the JSON object with one more, enormous field."""
    head = body.rstrip().removesuffix(b"}")
    yield head + (b"," if len(head) > 1 else b"") + b'"padding":"'
    for _ in range(size // len(CHUNK) + 1):
        yield CHUNK
    yield b'"}'
