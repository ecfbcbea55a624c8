"""OAuth 2.0 access tokens (ERD 7.1, BANESCO.md), cached and shared by the processes of a machine."""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from webapp.banking.exchange import Reply
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
from webapp.banking.http import BankHttp
from webapp.banking.redaction import kept_request, redacted, strike_out
from webapp.kernel.config import BankAccess

REFRESH_BEFORE = 30
"""How many seconds before its end a token is no longer used."""
DEFAULT_LIFETIME = 300


class TokenCache(Protocol):
    """A cache, as far as tokens need one."""

    def get(self, key: str) -> Any:
        """Return what is kept, or None."""
        ...

    def set(self, key: str, value: Any, timeout: int | None = None) -> Any:
        """Keep a value for so many seconds."""
        ...


@dataclass(frozen=True)
class TokenStyle:
    """How a token is asked for, which differs between banks (BANESCO.md, dialect `confirmation`)."""

    grant_type: str = "client_credentials"
    """`client_credentials`, or `password` with the client's id and secret as user and password."""
    client_auth: str = "body"
    """Where the client's id and secret stand: `body`, or `basic` for HTTP Basic."""
    scope: str = ""

    def request(self, access: BankAccess) -> tuple[dict[str, str], dict[str, str]]:
        """Return the form and the headers of the request for a token."""
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
class OtherEnvironment:
    """The bank's other environment, tried with credentials that are refused in this one."""

    environment: str
    auth_url: str


REFUSED_FOR = 60
"""Seconds for which no process of this machine tries refused credentials again."""
RENEWED_FOR = 10
"""Seconds for which the replacement of a refused token is not itself replaced."""
LONGEST_PAUSE = 900
"""The most seconds that we wait because the bank asks us to."""
LONGEST_LIFETIME = 86_400
LOCK_POLL_SECONDS = 0.05
"""How often a lock that another process holds is tried."""


@dataclass(frozen=True)
class _Token:
    value: str
    lifetime: int


class TokenSource:
    """Provides the access token in force, and asks the bank for a new one when needed."""

    def __init__(
        self,
        access: BankAccess,
        *,
        http: BankHttp,
        cache: TokenCache,
        lock_folder: Path,
        style: TokenStyle = TokenStyle(),
        other: OtherEnvironment | None = None,
        timer: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._http = http
        self._cache = cache
        self._timer = timer
        self._style = style
        self._other = other
        # The key tells clients and addresses apart: none must get the token of another.
        client = "|".join(
            (access.environment, access.auth_url, access.client_id, access.client_secret)
        )
        self._key = f"bank-token:{hashlib.sha256(client.encode()).hexdigest()[:32]}"
        self._lock_path = lock_folder / f"{self._key.replace(':', '-')}.lock"

    def token(self, *, calls: CallLog, seconds: float, refused: str | None = None) -> str:
        """Return the token to send; the one that the bank `refused` is replaced, once for all callers.

        Raises BankRefusedUs for wrong credentials, BankRateLimited, BankUnavailable, BankUnreadable.
        """
        begun, deadline = self._timer(), time.monotonic() + seconds
        cached = self._cached_token(refused)
        if cached:
            return cached
        with self._one_at_a_time(deadline):
            cached = self._cached_token(refused)
            if cached:
                return cached
            self._raise_while_paused(refused)
            self._raise_if_refresh_failed(begun)
            fresh = self._fetch(calls, deadline)
            usable = max(fresh.lifetime - REFRESH_BEFORE, 1)
            self._cache.set(self._key, (fresh.value, self._timer() + usable), timeout=usable)
            if refused:
                self._remember("renewed", fresh.value, RENEWED_FOR)
            return fresh.value

    def _cached_token(self, refused: str | None) -> str | None:
        kept = self._cache.get(self._key)
        if not kept or kept[0] == refused or kept[1] <= self._timer():
            return None
        value: str = kept[0]
        return value

    @contextmanager
    def _one_at_a_time(self, deadline: float) -> Iterator[None]:
        """Let one thread of this machine ask for a token; the others wait for it until their deadline."""
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            while not _try_lock(handle):
                if time.monotonic() >= deadline:
                    raise BankUnavailable("token: no answer in time")
                time.sleep(LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(handle)

    def _remember(self, what: str, content: str, seconds: float) -> None:
        until = self._timer() + seconds
        self._cache.set(f"{self._key}:{what}", (content, until), timeout=math.ceil(seconds))

    def _remembered(self, what: str) -> tuple[str, float] | None:
        """Return what was remembered, and for how many more seconds it counts."""
        kept = self._cache.get(f"{self._key}:{what}")
        left = kept[1] - self._timer() if kept else 0
        return (kept[0], left) if left > 0 else None

    def _raise_while_paused(self, refused: str | None) -> None:
        """Raise BankError instead of asking too soon: a bank locks out clients that do."""
        wrong, waiting = self._remembered("refused"), self._remembered("waiting")
        renewed = self._remembered("renewed")
        if wrong:
            raise BankRefusedUs(wrong[0])
        if waiting:
            raise BankRateLimited(waiting[0], retry_after=waiting[1])
        if renewed and renewed[0] == refused:
            raise BankRefusedUs("the token is refused though it is new")

    def _raise_if_refresh_failed(self, begun: float) -> None:
        """Raise BankUnavailable where another thread asked since `begun` and got no token."""
        failed = self._cache.get(f"{self._key}:failed")
        if failed and failed[1] > begun:
            raise BankUnavailable(failed[0])

    def _fetch(self, calls: CallLog, deadline: float) -> _Token:
        try:
            return self._request(self._access.auth_url, calls, deadline)
        except BankRefusedUs as refusal:
            detail = f"{refusal.detail}{self._hint_at_other_environment(calls, deadline)}"
            self._remember("refused", detail, REFUSED_FOR)
            raise BankRefusedUs(detail) from None
        except BankError as error:
            if error.retry_after:
                self._remember("waiting", error.detail, min(error.retry_after, LONGEST_PAUSE))
            elif isinstance(error, BankUnavailable):
                kept = (error.detail, self._timer())
                self._cache.set(f"{self._key}:failed", kept, timeout=LONGEST_PAUSE)
            raise

    def _hint_at_other_environment(self, calls: CallLog, deadline: float) -> str:
        """Return a hint where the other environment accepts these credentials: they are filed under the wrong one."""
        if self._other is None:
            return ""
        try:
            self._request(
                self._other.auth_url, calls, deadline, environment=self._other.environment
            )
        except BankError:
            return ""
        return (
            f"; {self._other.environment} accepts these credentials: "
            f"they are filed under the wrong environment ({self._access.environment})"
        )

    def _request(
        self, url: str, calls: CallLog, deadline: float, *, environment: str | None = None
    ) -> _Token:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise BankUnavailable("token: no answer in time")
        form, headers = self._style.request(self._access)
        record = CallRecord(
            operation="token",
            request=kept_request("POST", url, headers=headers, form=form),
            environment=environment,
        )
        with calls.call(record):
            reply = self._http.send("POST", url, seconds=seconds, headers=headers, form=form)
            record.note_reply(reply)
            record.response = redacted(reply, self._access.client_secret)
            token = _read_token(reply)
            record.response = strike_out(record.response, token.value)
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
    return _Token(value, min(max(seconds, 1), LONGEST_LIFETIME))


def _try_lock(handle: int) -> bool:
    """Return whether the lock was free, and is ours now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
