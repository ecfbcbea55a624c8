"""Redis away must not keep anybody from asking the bank."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask_caching import Cache

from webapp.kernel.shared_cache import SharedCache


def cache_on(config: dict[str, object]) -> SharedCache:
    cache = Cache()
    cache.init_app(Flask(__name__), config=config)
    return SharedCache(cache)


@pytest.fixture
def closed_redis() -> SharedCache:
    """Nobody listens on port 1 of this machine."""
    url = "redis://127.0.0.1:1/0"
    return cache_on({"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url})


def in_context(cache: SharedCache) -> Flask:
    assert isinstance(cache._cache, Cache)
    app: Flask = cache._cache.app
    return app


def test_without_redis_a_process_goes_on_with_what_it_kept_itself(
    closed_redis: SharedCache,
) -> None:
    with in_context(closed_redis).app_context():
        assert closed_redis.get("token") is None
        closed_redis.set("token", ("value", 1.0), timeout=60)
        assert closed_redis.get("token") == ("value", 1.0)


def test_with_the_cache_there_processes_share_what_they_keep(tmp_path: Path) -> None:
    config: dict[str, object] = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(tmp_path)}
    one, other = cache_on(config), cache_on(config)
    with in_context(one).app_context():
        one.set("token", ("value", 1.0), timeout=60)
    with in_context(other).app_context():
        assert other.get("token") == ("value", 1.0)
