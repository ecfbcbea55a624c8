"""Limits on attempts, exact over threads, web workers and machines: counted in Redis, or in PostgreSQL without it.

An attempt is reserved before it is looked at and given back if it does not count, so that however many come at
once, no more than the limit are looked at. With Redis away each process counts in its memory: never a failure,
never unlimited attempts.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar, cast

import structlog
from flask import Flask, Response, g, request
from flask_limiter import Limiter, RequestLimit
from limits.storage import Storage
from sqlalchemy import delete, func, literal, select, text
from sqlalchemy.exc import SQLAlchemyError

from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.throttling.models import RateLimit

log = structlog.get_logger(__name__)

View = TypeVar("View", bound=Callable[..., Any])
Counts = Callable[[Response], bool]
"""Whether the attempt that a response ends counts against its limits."""

RESOURCE_TYPE = "ATTEMPTS"
REDIS_ROUNDS = 1.0
"""Seconds by which the end of a window may be wrong: Redis tells it rounded to whole ones."""


# The last counts may be lost in a crash of the server, so no request waits for its disk.
_ADD = text("""
WITH quickly AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO rate_limits
  (resource_type, resource_identifier, window_start, expires_at, request_count)
SELECT :type, :name, :start, :ends, greatest(:amount, 0) FROM quickly
ON CONFLICT (resource_type, resource_identifier, window_start) DO UPDATE
SET request_count = rate_limits.request_count + :amount, updated_at = now()
RETURNING request_count
""")


class PostgresStorage(Storage):
    """A storage of the `limits` library in the ERD's table `rate_limits`: one row for each key and fixed window."""

    STORAGE_SCHEME = ["areamedica-postgresql"]  # noqa: RUF012 - as the library declares it

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the storage raises where it cannot be reached."""
        return SQLAlchemyError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add `amount` to the window of `expiry` seconds in force; return the new count."""
        now = datetime.now(UTC).timestamp()
        start = datetime.fromtimestamp(now - now % expiry, UTC)
        values = {
            "type": RESOURCE_TYPE,
            "name": _digest(key),
            "start": start,
            "ends": start + timedelta(seconds=expiry),
            "amount": amount,
        }
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return int(connection.execute(_ADD, values).scalar_one())

    def get(self, key: str) -> int:
        """Return the count of the window in force."""
        window = self._current_window(key)
        return window[0] if window else 0

    def get_expiry(self, key: str) -> float:
        """Return the moment at which the window in force ends, in seconds since the epoch."""
        window = self._current_window(key)
        return window[1].timestamp() if window else datetime.now(UTC).timestamp()

    def _current_window(self, key: str) -> tuple[int, datetime] | None:
        query = (
            select(RateLimit.request_count, RateLimit.expires_at)
            .where(
                RateLimit.resource_type == RESOURCE_TYPE,
                RateLimit.resource_identifier == _digest(key),
                RateLimit.expires_at > datetime.now(UTC),
            )
            .order_by(RateLimit.window_start.desc())
            .limit(1)
        )
        with db.engine.connect() as connection:
            found = connection.execute(query).first()
        return (found[0], found[1]) if found else None

    def check(self) -> bool:
        """Tell whether the table can be reached."""
        try:
            with db.engine.connect() as connection:
                connection.execute(select(literal(1)))
        except SQLAlchemyError:
            return False
        return True

    def clear(self, key: str) -> None:
        """Forget the attempts of one key."""
        self._delete(RateLimit.resource_identifier == _digest(key))

    def reset(self) -> int | None:
        """Forget all attempts; return how many windows there were."""
        return self._delete(RateLimit.resource_type == RESOURCE_TYPE)

    def _delete(self, condition: Any) -> int:
        with db.engine.begin() as connection:
            return connection.execute(delete(RateLimit).where(condition)).rowcount


def forget_expired() -> None:
    """Delete the windows that have passed."""
    with db.engine.begin() as connection:
        connection.execute(delete(RateLimit).where(RateLimit.expires_at < func.now()))


def _digest(key: str) -> str:
    # Keys hold e-mails and addresses: only their digest is kept, in Redis as in PostgreSQL.
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def address() -> str:
    """Return the address of the current request as limits count it: a whole IPv6 network (/64) is one."""
    given = request.remote_addr or "unknown"
    if ":" not in given:
        return given
    try:
        whole = ip_address(given.partition("%")[0])
    except ValueError:
        return given
    mapped = getattr(whole, "ipv4_mapped", None)
    return str(mapped or ip_network(f"{whole}/64", strict=False))


def _account_digest() -> str:
    given: Any = request.get_json(silent=True) if request.is_json else request.form
    email = given.get("email") if hasattr(given, "get") else None
    return _digest(str(email or "").strip().lower()[:255])


def _account_and_address() -> str:
    return f"{address()} {_account_digest()}"


def _is_failed_sign_in(response: Response) -> bool:
    return response.status_code in (401, 422)


def _tells_of_an_account(response: Response) -> bool:
    return response.status_code in (201, 409)


class AttemptLimiter(Limiter):
    """A limiter of single views: no limit is every view's, so other requests, almost all, are not looked at."""

    def _check_request_limit(
        self, callable_name: str | None = None, in_middleware: bool = True
    ) -> None:
        if not in_middleware:  # the view's own decorator asks
            super()._check_request_limit(callable_name, in_middleware)


limiter = AttemptLimiter(key_func=address, strategy="fixed-window", headers_enabled=True)


def failed_sign_ins(view: View) -> View:
    """Allow 10 failures in 15 minutes for one account from one address, and 50 for either alone.

    Pages and programs are counted together. Only failures count, so a shift that signs in at once is not turned
    away; and it takes five addresses to close an account to everybody, so nobody locks a colleague out by mistake.
    """
    for name, most, key in (
        ("address", 50, address),
        ("account", 50, _account_digest),
        ("both", 10, _account_and_address),
    ):
        limited = limiter.shared_limit(
            f"{most} per 15 minutes",
            scope=f"sign-in by {name}",
            key_func=key,
            exempt_when=lambda: request.method != "POST",
        )
        view = cast(View, limited(view))
    return _with_reservation(view, _is_failed_sign_in)


def registrations(view: View) -> View:
    """Allow 100 registrations in an hour from one address; those that reveal that an e-mail is taken count."""
    limited = limiter.limit("100 per hour", methods=["POST"])
    return _with_reservation(cast(View, limited(view)), _tells_of_an_account)


def _with_reservation(view: View, counts: Counts) -> View:
    """Note for `_settle` when an attempt on this view counts."""

    @wraps(view)
    def noting(*args: Any, **kwargs: Any) -> Any:
        g.attempt = (counts, time.time())
        return view(*args, **kwargs)

    return cast(View, noting)


def _settle(response: Response) -> Response:
    """Give back what this request reserved, unless it was looked at and counts."""
    if "attempt" not in g:
        return response
    counts, reserved_at = g.pop("attempt")
    # The view needs its connection no more; otherwise many requests at once would each wait for a second one.
    db.session.close()
    reserved = limiter.current_limits
    if counts(response) and not any(limit.breached for limit in reserved):
        return response
    storage = limiter.limiter.storage
    try:
        for limit in reserved:
            _give_back(storage, limit, reserved_at)
    except storage.base_exceptions as error:
        # The response is ready; what was reserved stays counted until its window ends.
        log.warning("attempt_not_given_back", kind=type(error).__name__)
    return response


def _give_back(storage: Storage, reserved: RequestLimit, reserved_at: float) -> None:
    """Take one from the count, where the window in which it was reserved is still in force."""
    seconds = reserved.limit.get_expiry()
    began = storage.get_expiry(reserved.key) - seconds
    if began <= reserved_at + REDIS_ROUNDS and storage.get(reserved.key) > 0:
        storage.incr(reserved.key, seconds, -1)


def init_app(app: Flask, settings: Settings) -> None:
    """Choose the storage and bind the limiter."""
    app.config["RATELIMIT_STORAGE_URI"] = settings.redis_url or "areamedica-postgresql://"
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = settings.redis_url is not None
    if settings.redis_url:
        app.config["RATELIMIT_STORAGE_OPTIONS"] = {"socket_connect_timeout": 1, "socket_timeout": 1}
    limiter.init_app(app)
    # Runs before the handler that the limiter registered: the headers tell what is left after giving back.
    app.after_request(_settle)
