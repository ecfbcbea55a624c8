"""OAuth 2.0 access tokens (ERD 7.1, BANESCO.md): cached, shared by the processes of a machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from webapp.banking.gateway import (
    BankError,
    BankRateLimited,
    BankRefusedUs,
    BankUnavailable,
    BankUnreadable,
    CallLog,
    CallRecord,
    Outcome,
)
from webapp.banking.http import BankHttp, Reply
from webapp.config import BankAccess

REFRESH_BEFORE = 30
"""Seconds before its end at which a token is no longer used."""
DEFAULT_LIFETIME = 300


class TokenCache(Protocol):
    """The part of a cache that tokens need."""

    def get(self, key: str) -> Any: ...

    def set(self, key: str, value: Any, timeout: int | None = None) -> Any: ...


@dataclass(frozen=True)
class TokenStyle:
    """How a client asks for its token: banks differ (BANESCO.md, dialect `confirmation`)."""

    grant_type: str = "client_credentials"
    """`client_credentials`, or `password` with the client's id and secret as user and password."""
    client_auth: str = "body"
    """Where the client's id and secret stand: `body`, or `basic` for HTTP Basic."""
    scope: str = ""

    def request(self, access: BankAccess) -> tuple[dict[str, str], dict[str, str]]:
        """The form and the headers of the request for a token."""
        form: dict[str, str] = {"grant_type": self.grant_type}
        headers: dict[str, str] = {}
        if self.grant_type == "password":
            form |= {"username": access.client_id, "password": access.client_secret}
        if self.client_auth == "basic":
            pair = f"{quote(access.client_id, safe='')}:{quote(access.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": access.client_id, "client_secret": access.client_secret}
        if self.scope:
            form["scope"] = self.scope
        return form, headers


@dataclass(frozen=True)
class Elsewhere:
    """The bank's other environment: where credentials belong that are refused here."""

    environment: str
    auth_url: str


REFUSED_FOR = 60
"""Seconds for which refused credentials are not tried again, by anybody on this machine."""


@dataclass(frozen=True)
class _Token:
    value: str
    lifetime: int


class TokenSource:
    """Gives the access token in force, and asks for a new one when it must."""

    def __init__(
        self,
        access: BankAccess,
        *,
        http: BankHttp,
        cache: TokenCache,
        lock_folder: Path,
        style: TokenStyle = TokenStyle(),
        elsewhere: Elsewhere | None = None,
        timer: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._http = http
        self._cache = cache
        self._timer = timer
        self._style = style
        self._elsewhere = elsewhere
        # Another client or another address must never be handed this one's token.
        who = "|".join(
            (access.environment, access.auth_url, access.client_id, access.client_secret)
        )
        self._key = f"bank-token:{hashlib.sha256(who.encode()).hexdigest()[:32]}"
        self._lock_path = lock_folder / f"{self._key.replace(':', '-')}.lock"

    def token(self, *, calls: CallLog, seconds: float, refused: str | None = None) -> str:
        """The token to send; a token that the bank `refused` is replaced, once for all who saw it.

        Raises BankRefusedUs for wrong credentials, BankUnavailable, BankUnreadable.
        """
        kept = self._kept(refused)
        if kept:
            return kept
        with self._one_at_a_time():
            kept = self._kept(refused)
            if kept:
                return kept
            self._stop_while_refused()
            fresh = self._fetch(calls, seconds)
            usable = max(fresh.lifetime - REFRESH_BEFORE, 1)
            self._cache.set(self._key, (fresh.value, self._timer() + usable), timeout=usable)
            return fresh.value

    def _kept(self, refused: str | None) -> str | None:
        kept = self._cache.get(self._key)
        if not kept or kept[0] == refused or kept[1] <= self._timer():
            return None
        value: str = kept[0]
        return value

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Only one thread of one process of this machine asks; the others wait for its token."""
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _stop_while_refused(self) -> None:
        """A bank locks out a client that keeps knocking with a wrong key."""
        refused = self._cache.get(f"{self._key}:refused")
        if refused and refused[1] > self._timer():
            raise BankRefusedUs(refused[0])

    def _fetch(self, calls: CallLog, seconds: float) -> _Token:
        try:
            return self._request(self._access.auth_url, calls, seconds)
        except BankRefusedUs as refusal:
            detail = f"{refusal.detail}{self._where_they_belong(calls, seconds)}"
            until = self._timer() + REFUSED_FOR
            self._cache.set(f"{self._key}:refused", (detail, until), timeout=REFUSED_FOR)
            raise BankRefusedUs(detail) from None

    def _where_they_belong(self, calls: CallLog, seconds: float) -> str:
        """Credentials of QA filed under production, or the other way round: say so."""
        if self._elsewhere is None:
            return ""
        try:
            self._request(self._elsewhere.auth_url, calls, seconds)
        except BankError:
            return ""
        return (
            f"; {self._elsewhere.environment} accepts these credentials: "
            f"they are filed under the wrong environment ({self._access.environment})"
        )

    def _request(self, url: str, calls: CallLog, seconds: float) -> _Token:
        form, headers = self._style.request(self._access)
        record = CallRecord(
            operation="token", request={"url": url, "grant_type": self._style.grant_type}
        )
        with calls.call(record):
            reply = self._http.send("POST", url, seconds=seconds, headers=headers, form=form)
            record.http_status = reply.status
            token = _read_token(reply)
            record.outcome = Outcome.TOKEN
            return token


def _read_token(reply: Reply) -> _Token:
    if reply.status == 429:
        raise BankRateLimited("token: rate limited", retry_after=reply.retry_after)
    if reply.status >= 500:
        raise BankUnavailable(f"token: HTTP {reply.status}", retry_after=reply.retry_after)
    if reply.status != 200:
        raise BankRefusedUs(f"token: HTTP {reply.status}")
    content = reply.json_object()
    value, lifetime = content.get("access_token"), content.get("expires_in", DEFAULT_LIFETIME)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise BankUnreadable("token: no access_token")
    try:
        seconds = int(float(lifetime))
    except (TypeError, ValueError, OverflowError):
        seconds = DEFAULT_LIFETIME
    return _Token(value, max(seconds, 1))
