"""One bounded HTTP call: total time, size of the answer, no redirects, TLS always verified."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, ReadTimeoutError

from webapp.banking.gateway import BankUnavailable, BankUnreadable
from webapp.retry_after import parse_retry_after

MAX_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises BankUnreadable for anything else, or called anything else."""
        kind = self.headers.get("Content-Type", "json").partition(";")[0].strip().lower()
        if "json" not in kind:
            raise BankUnreadable("the answer does not call itself JSON")
        try:
            content = json.loads(self.body, parse_float=str, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise BankUnreadable("the answer is not JSON") from None
        if not isinstance(content, dict):
            raise BankUnreadable("the answer is not a JSON object")
        return content

    @property
    def retry_after(self) -> float | None:
        """Seconds of the Retry-After header, given as a number or as a date."""
        return parse_retry_after(self.headers.get("Retry-After"))


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


class _OwnHeadersOnly(AuthBase):
    """Keeps requests from replacing our Authorization header by something out of a netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class BankHttp:
    """HTTP to one bank; safe to share between threads (each has its own connections)."""

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
        try:
            with self._session().request(
                method,
                url,
                headers={"Accept": "application/json", **headers},
                data=form,
                json=body,
                timeout=(min(seconds, 5), seconds),
                allow_redirects=False,
                stream=True,
                verify=self._verify,
                auth=_OwnHeadersOnly(),
            ) as response:
                return Reply(response.status_code, response.headers, _read(response, deadline))
        except (requests.Timeout, ReadTimeoutError):
            raise BankUnavailable("no answer in time") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise BankUnavailable(f"no connection ({type(error).__name__})") from None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.mount("https://", requests.adapters.HTTPAdapter(max_retries=0))
            session.mount("http://", requests.adapters.HTTPAdapter(max_retries=0))
        return session


def _read(response: requests.Response, deadline: float) -> bytes:
    """The body, given up on when it is too large or drips past the deadline."""
    parts: list[bytes] = []
    size = 0
    # read1 returns what has come; other ways of reading wait for a full chunk, drop by drop.
    while part := response.raw.read1(4096, decode_content=True):
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise BankUnreadable("the answer is too large")
        if time.monotonic() > deadline:
            raise BankUnavailable("no answer in time")
        parts.append(part)
    return b"".join(parts)
