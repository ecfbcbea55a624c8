"""Passwords: argon2id, and the few rules that they must meet."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 8
MAX_LENGTH = 128

# OWASP's second profile: 19 MiB and two passes, about 25 ms a sign-in.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """Return the argon2id hash to store."""
    return _hasher.hash(password)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Tell whether the password belongs to the hash. Without a hash it takes as long, and is False."""
    typed = password.encode("utf-8", "replace")
    try:
        _hasher.verify(password_hash or _dummy_hash(), typed)
        return password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _dummy_hash() -> str:
    """Return the hash to compare with where no such user exists, so that the time taken tells nothing."""
    return _hasher.hash("nobody")
