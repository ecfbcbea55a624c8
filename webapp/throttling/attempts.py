"""Limits on attempts, exact over several web workers: counted in Redis, or in PostgreSQL without it.

With Redis away the count goes on in each process's memory: never a failure, never unlimited attempts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar, cast

from flask import Flask, Response, request
from flask_limiter import Limiter
from limits.storage import Storage
from sqlalchemy import delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from webapp.kernel.config import Settings
from webapp.kernel.database import db
from webapp.throttling.models import RateLimit

View = TypeVar("View", bound=Callable[..., Any])

RESOURCE_TYPE = "ATTEMPTS"


class PostgresStorage(Storage):
    """The ERD's `rate_limits` table as a storage of the `limits` library: one row a fixed window."""

    STORAGE_SCHEME = ["areamedica-postgresql"]  # noqa: RUF012 - as the library declares it

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` in the window of `expiry` seconds in force; returns the new count."""
        now = datetime.now(UTC).timestamp()
        start = datetime.fromtimestamp(now - now % expiry, UTC)
        row = insert(RateLimit).values(
            resource_type=RESOURCE_TYPE,
            resource_identifier=_digest(key),
            window_start=start,
            expires_at=start + timedelta(seconds=expiry),
            request_count=amount,
        )
        counted = row.on_conflict_do_update(
            index_elements=["resource_type", "resource_identifier", "window_start"],
            set_={"request_count": RateLimit.request_count + amount, "updated_at": func.now()},
        ).returning(RateLimit.request_count)
        with db.engine.begin() as connection:
            return connection.execute(counted).scalar_one()

    def get(self, key: str) -> int:
        """The count in the window in force."""
        current = self._current(key)
        return current[0] if current else 0

    def get_expiry(self, key: str) -> float:
        """The moment at which the window in force ends, in seconds since the epoch."""
        current = self._current(key)
        return current[1].timestamp() if current else datetime.now(UTC).timestamp()

    def _current(self, key: str) -> tuple[int, datetime] | None:
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
        """Can the table be reached?"""
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
        """Forget all attempts; returns how many windows there were."""
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
    """Whoever sent the current request, as limits tell them apart: a whole IPv6 network is one."""
    given = request.remote_addr or "unknown"
    if ":" not in given:
        return given
    try:
        whole = ip_address(given.partition("%")[0])
    except ValueError:
        return given
    mapped = getattr(whole, "ipv4_mapped", None)
    return str(mapped or ip_network(f"{whole}/64", strict=False))


def _account() -> str:
    given: Any = request.get_json(silent=True) if request.is_json else request.form
    email = given.get("email") if hasattr(given, "get") else None
    return _digest(str(email or "").strip().lower()[:255])


def _account_from_here() -> str:
    return f"{address()} {_account()}"


def _failed(response: Response) -> bool:
    return response.status_code in (401, 422)


def _registered_or_told(response: Response) -> bool:
    return response.status_code in (201, 409)


limiter = Limiter(key_func=address, strategy="fixed-window", headers_enabled=True)


def failed_sign_ins(view: View) -> View:
    """At most 10 failures in 15 minutes for one account from one address, 50 for either alone.

    Counted together for pages and programs. Only failures count, so a shift that signs in at once is not
    turned away; and that an account is closed to everybody takes five addresses, so nobody locks a
    colleague out by mistake.
    """
    for name, most, key in (
        ("address", 50, address),
        ("account", 50, _account),
        ("both", 10, _account_from_here),
    ):
        limited = limiter.shared_limit(
            f"{most} per 15 minutes",
            scope=f"sign-in by {name}",
            key_func=key,
            exempt_when=lambda: request.method != "POST",
            deduct_when=_failed,
        )
        view = cast(View, limited(view))
    return view


def registrations(view: View) -> View:
    """At most 100 in an hour from one address, those counted that tell that an e-mail is taken."""
    limited = limiter.limit("100 per hour", methods=["POST"], deduct_when=_registered_or_told)
    return cast(View, limited(view))


def init_app(app: Flask, settings: Settings) -> None:
    """Choose the storage and bind the limiter."""
    app.config["RATELIMIT_STORAGE_URI"] = settings.redis_url or "areamedica-postgresql://"
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = settings.redis_url is not None
    if settings.redis_url:
        app.config["RATELIMIT_STORAGE_OPTIONS"] = {"socket_connect_timeout": 1, "socket_timeout": 1}
    limiter.init_app(app)
