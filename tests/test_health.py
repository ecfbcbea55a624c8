"""Alive, and ready only on a database whose migrations are the ones that this code needs."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask_migrate import downgrade, upgrade

from tests.support.databases import DatabaseMaker
from tests.support.pages import Browser
from webapp import create_app
from webapp.kernel.config import Settings
from webapp.kernel.database import db


def test_the_process_says_that_it_lives_and_what_it_is(anyone: Browser):
    answer = anyone._send("get", "/health")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok", "version": "1.0.0"}


def test_ready_with_the_newest_migration(anyone: Browser):
    answer = anyone._send("get", "/health/ready")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok", "limits": "ok"},
    }


def test_not_ready_without_or_behind_the_migrations(new_database: DatabaseMaker, tmp_path: Path):
    app: Flask = create_app(
        Settings.from_environment(
            {
                "DATABASE_URL": new_database(),
                "DATA_DIR": str(tmp_path),
                "SECRET_KEY": "a-secret-of-the-tests-only",
            }
        )
    )
    browser = Browser(app)
    answer = browser._send("get", "/health/ready")
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"database": "ok", "migrations": "missing"}
    with app.app_context():
        upgrade()
    assert browser._send("get", "/health/ready").status_code == 200
    with app.app_context():
        downgrade()
    answer = browser._send("get", "/health/ready")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["migrations"] == "behind"
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
