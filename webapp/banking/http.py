"""One bounded HTTP call: total time, size of the answer, no redirects, TLS always verified."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

from webapp.banking.exchange import ACCEPT, Reply
from webapp.banking.gateway import BankUnavailable, BankUnreadable
from webapp.kernel.deadline import cut_off

MAX_ANSWER_BYTES = 1024 * 1024

_deadline: ContextVar[float] = ContextVar("deadline")
"""When this thread's call must have ended, as `time.monotonic` counts."""


class _Connection(HTTPConnection):
    """A connection that is cut where the reply's headers are not whole by the deadline."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        with cut_off(self.sock, _deadline.get()):
            return super().getresponse()


class _SecureConnection(HTTPSConnection):
    """The same for TLS."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        with cut_off(self.sock, _deadline.get()):
            return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Makes connections that end in time, and repeats nothing."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _OwnHeadersOnly(AuthBase):
    """Keeps requests from replacing our Authorization header with credentials of a netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class BankHttp:
    """An HTTP client for one bank; safe to share between threads (each has its own connections)."""

    def __init__(self, *, ca_bundle: Path | None = None) -> None:
        self._verify: str | bool = str(ca_bundle) if ca_bundle else True
        self._local = threading.local()

    def send(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Make one call that ends within about `seconds`, whatever the other side does.

        Raises BankUnavailable (no connection, too slow, broken off), BankUnreadable (too large).
        """
        deadline = time.monotonic() + seconds
        _deadline.set(deadline)
        try:
            with self._session().request(
                method,
                url,
                headers={**ACCEPT, **headers},
                data=form,
                json=body,
                timeout=(min(seconds, 5), seconds),
                allow_redirects=False,
                stream=True,
                verify=self._verify,
                auth=_OwnHeadersOnly(),
            ) as response:
                reply = Reply(response.status_code, response.headers, _read(response, deadline))
        except (requests.Timeout, ReadTimeoutError):
            raise BankUnavailable("no answer in time") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            if time.monotonic() >= deadline:
                raise BankUnavailable("no answer in time") from None
            raise BankUnavailable(f"no connection ({type(error).__name__})") from None
        if time.monotonic() >= deadline:  # headers that were cut look as if they had ended
            raise BankUnavailable("no answer in time")
        return reply

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.mount("https://", _Adapter())
            session.mount("http://", _Adapter())
        return session


def _read(response: requests.Response, deadline: float) -> bytes:
    """Return the body. Raises BankUnreadable where it is too large, BankUnavailable where it comes too late."""
    parts: list[bytes] = []
    size = 0
    # read1 returns what has come; other methods wait until a chunk is full.
    while part := response.raw.read1(4096, decode_content=True):
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise BankUnreadable("the answer is too large")
        if time.monotonic() > deadline:
            raise BankUnavailable("no answer in time")
        parts.append(part)
    return b"".join(parts)
