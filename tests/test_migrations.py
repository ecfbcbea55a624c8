"""Migrations pass up, down and up with data, and give exactly what the models describe."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from tests.support.databases import DatabaseMaker
from webapp import create_app
from webapp.kernel.config import PROJECT_ROOT, Settings
from webapp.kernel.database import db
from webapp.kernel.permissions import Permission
from webapp.models import Base
from webapp.transactions import queries as lists
from webapp.transactions.filtering import Filter
from webapp.transactions.lifecycle import Status
from webapp.transactions.totals import derived, keeping
from webapp.transactions.totals import queries as totals
from webapp.transactions.totals.queries import Total

ENUMS = {"transaction_status", "bank_type", "transaction_type"}
ERD_COLUMNS = {
    "users": "id email password_hash full_name is_active created_at updated_at deleted_at",
    "permissions": "id name description created_at",
    "user_permissions": "user_id permission_id granted_at granted_by",
    "transactions": "id transaction_id status bank transaction_type reference customer_full_name "
    "customer_phone customer_national_id concept banesco_payload metadata created_at updated_at "
    "deleted_at created_by",
    "transaction_events": "id transaction_id old_status new_status reason actor_type actor_id "
    "metadata created_at",
    "rate_limits": "id resource_type resource_identifier window_start request_count created_at "
    "updated_at",
}
ERD_INDEXES = {
    "transactions": {
        "idx_transactions_transaction_id": ["transaction_id"],
        "idx_transactions_status": ["status"],
        "idx_transactions_created_at_status": ["created_at", "status"],
        "idx_transactions_reference": ["reference"],
        "idx_transactions_customer_phone": ["customer_phone"],
        "idx_transactions_customer_national_id": ["customer_national_id"],
    },
    "transaction_events": {
        "idx_transaction_events_transaction_id": ["transaction_id"],
        "idx_transaction_events_created_at": ["created_at"],
    },
    "rate_limits": {
        "idx_rate_limits_resource": ["resource_type", "resource_identifier"],
        "idx_rate_limits_window_start": ["window_start"],
    },
}


@pytest.fixture
def empty(new_database: DatabaseMaker, tmp_path: Path) -> Iterator[Flask]:
    """An application on a database without any table."""
    app = create_app(
        Settings.from_environment(
            {
                "DATABASE_URL": new_database(),
                "DATA_DIR": str(tmp_path),
                "SECRET_KEY": "a-secret-of-the-tests-only",
            }
        )
    )
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def revisions() -> list[str]:
    """All revisions, oldest first."""
    scripts = ScriptDirectory(str(PROJECT_ROOT / "migrations"))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def test_up_down_and_up_again_leaves_nothing_behind(empty: Flask):
    upgrade()
    downgrade(revision="base")
    with db.engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
        kept = connection.execute(text("SELECT typname FROM pg_type WHERE typtype = 'e'"))
        assert set(kept.scalars()) == set()
        functions = connection.execute(
            text(
                "SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace "
                "WHERE nspname = 'public'"
            )
        )
        assert list(functions.scalars()) == []
    upgrade()
    with db.engine.connect() as connection:
        assert set(ERD_COLUMNS) <= set(inspect(connection).get_table_names())


def test_a_payment_and_its_trail_live_through_every_revision(empty: Flask):
    first, *later = revisions()
    upgrade(revision=first)
    payment = _write_payment()
    for revision in later:
        upgrade(revision=revision)
        assert _trail(payment) == [(None, "IN_PROGRESS"), ("IN_PROGRESS", "COMPLETED")]
    for revision in reversed([first, *later[:-1]]):
        downgrade(revision=revision)
        assert _trail(payment) == [(None, "IN_PROGRESS"), ("IN_PROGRESS", "COMPLETED")]
    upgrade()
    assert _trail(payment) == [(None, "IN_PROGRESS"), ("IN_PROGRESS", "COMPLETED")]
    downgrade(revision="base")


def test_a_programs_sign_in_lives_through_the_table_of_refresh_tokens(empty: Flask):
    (target,) = (PROJECT_ROOT / "migrations" / "versions").glob("*_accounts.py")
    revision = target.name[:4]
    before = revisions()[revisions().index(revision) - 1]
    upgrade(revision=before)
    ids = {"user": uuid.uuid4(), "program": uuid.uuid4(), "browser": uuid.uuid4()}
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO users (id, email, password_hash, full_name) VALUES (:id, 'a@b.c', 'x', 'Y')"
            ),
            {"id": ids["user"]},
        )
        for name, token in (("program", "1" * 64), ("browser", None)):
            connection.execute(
                text(
                    "INSERT INTO user_sessions (id, user_id, refresh_hash, expires_at) "
                    "VALUES (:id, :user, :token, now() + interval '1 day')"
                ),
                {"id": ids[name], "user": ids["user"], "token": token},
            )
    upgrade(revision=revision)
    with db.engine.begin() as connection:
        moved = connection.execute(text("SELECT token_hash, session_id FROM refresh_tokens"))
        assert moved.all() == [("1" * 64, ids["program"])]
        connection.execute(text("UPDATE refresh_tokens SET used_at = now()"))
        connection.execute(
            text("INSERT INTO refresh_tokens (token_hash, session_id) VALUES (:token, :id)"),
            {"token": "2" * 64, "id": ids["program"]},
        )
    downgrade(revision=before)
    with db.engine.begin() as connection:
        kept = connection.execute(text("SELECT id, refresh_hash FROM user_sessions"))
        assert {row[0]: row[1] for row in kept} == {ids["program"]: "2" * 64, ids["browser"]: None}


def _write_payment() -> uuid.UUID:
    row_id, user_id = uuid.uuid4(), uuid.uuid4()
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO users (id, email, password_hash, full_name) VALUES (:id, :e, 'x', 'Y')"
            ),
            {"id": user_id, "e": "a@clinic.test"},
        )
        connection.execute(
            text(
                "INSERT INTO transactions (id, transaction_id, bank, reference, reference_key, "
                "customer_full_name, customer_name_search, customer_phone, customer_national_id, "
                "amount, created_by) VALUES (:id, 'FAC-1', 'BANESCO', '100000001', '100000001', "
                "'Rosa Villegas', 'rosa villegas', '04141234567', 'V9876543', 12.50, :user)"
            ),
            {"id": row_id, "user": user_id},
        )
        for old, new in ((None, "IN_PROGRESS"), ("IN_PROGRESS", "COMPLETED")):
            connection.execute(
                text(
                    "INSERT INTO transaction_events (transaction_id, old_status, new_status) "
                    "VALUES (:id, :old, :new)"
                ),
                {"id": row_id, "old": old, "new": new},
            )
    return row_id


def test_payments_that_the_real_bank_was_asked_about_are_real(empty: Flask):
    upgrade(revision="0007")
    row_id = _write_payment()
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO bank_calls (transaction_id, environment, dialect, operation, request,"
                " gives_up_at) VALUES (:id, 'production', 'status', 'transaction', '{}', now())"
            ),
            {"id": row_id},
        )
    upgrade()
    with db.engine.connect() as connection:
        kept = connection.execute(text("SELECT bank_environment FROM transactions")).scalars()
        assert list(kept) == ["production"]


def test_a_movement_that_pays_in_both_environments_stays_with_the_real_payment(empty: Flask):
    upgrade(revision="0008")
    _write_payment()
    copy = text(
        "INSERT INTO transactions (transaction_id, bank, reference, reference_key,"
        " customer_full_name, customer_name_search, customer_phone, customer_national_id,"
        " bank_environment, matched_movement, movement_tail) SELECT 'FAC-2', bank, '2' || reference,"
        " '2' || reference, customer_full_name, customer_name_search, customer_phone,"
        " customer_national_id, 'production', 'one', '000001' FROM transactions"
    )
    with db.engine.begin() as connection:
        connection.execute(
            text("UPDATE transactions SET matched_movement = 'one', movement_tail = '000001'")
        )
        connection.execute(copy)
    downgrade(revision="0007")
    query = text("SELECT transaction_id, matched_movement FROM transactions ORDER BY 1")
    with db.engine.connect() as connection:
        assert connection.execute(query).all() == [("FAC-1", None), ("FAC-2", "one")]


def test_what_a_worker_took_out_of_the_queue_for_good_is_due_again(empty: Flask):
    upgrade(revision="0008")
    _write_payment()
    final = text(
        "INSERT INTO transactions (transaction_id, bank, reference, reference_key, status,"
        " customer_full_name, customer_name_search, customer_phone, customer_national_id)"
        " SELECT 'FAC-2', bank, '200000001', '200000001', 'COMPLETED', customer_full_name,"
        " customer_name_search, customer_phone, customer_national_id FROM transactions"
    )
    with db.engine.begin() as connection:
        connection.execute(final)
    upgrade(revision="0009")
    query = text("SELECT transaction_id FROM transactions WHERE next_check_at <= now()")
    with db.engine.connect() as connection:
        assert list(connection.scalars(query)) == ["FAC-1"]


def test_calls_recorded_before_migration_0010_keep_no_subject_and_stay_unchanged(empty: Flask):
    upgrade(revision="0009")
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO bank_calls (environment, dialect, operation, request, gives_up_at,"
                " completed_at) VALUES ('qa', 'status', 'transaction', '{}', now(), now())"
            )
        )
    query = "SELECT count(*) FROM bank_calls"
    for step, asked in ((upgrade, f"{query} WHERE subject IS NULL"), (downgrade, query)):
        step(revision="0010" if step is upgrade else "0009")
        with db.engine.connect() as connection:
            assert connection.scalar(text(asked)) == 1
    upgrade(revision="0010")
    with pytest.raises(IntegrityError, match="append-only"), db.engine.begin() as connection:
        connection.execute(text("UPDATE bank_calls SET subject = 'one'"))


def test_payments_logged_before_totals_were_kept_are_in_them_and_wait_since_they_came(
    empty: Flask,
):
    upgrade(revision="0011")
    _write_payment()
    moved = (
        "UPDATE transactions SET status = 'TO_REVIEW'",
        "INSERT INTO transaction_events (transaction_id, old_status, new_status, created_at)"
        " SELECT id, 'IN_PROGRESS', 'TO_REVIEW', '2026-11-20 12:00Z' FROM transactions",
    )
    with db.engine.begin() as connection:
        for statement in moved:
            connection.execute(text(statement))
    upgrade(revision="0014")
    with db.engine.connect() as connection:
        (since,) = connection.scalars(text("SELECT review_since FROM transactions"))
    assert since == datetime(2026, 11, 20, 12, tzinfo=UTC)
    upgrade()
    assert totals.total({"status": Status.TO_REVIEW}) == Total(
        1, Decimal("12.50"), Decimal("12.50")
    )
    assert lists.count(Filter(q="ville")) == 1
    db.session.rollback()
    assert keeping.differences() == []
    assert derived.deviations() == []


def _trail(row_id: uuid.UUID) -> list[tuple[str | None, str]]:
    query = text(
        "SELECT old_status::text, new_status::text FROM transaction_events "
        "WHERE transaction_id = :id ORDER BY position"
    )
    with db.engine.connect() as connection:
        return [(row[0], row[1]) for row in connection.execute(query, {"id": row_id})]


def test_existing_integrators_and_administrators_get_webhook_manage(empty: Flask):
    before = revisions()[revisions().index("0005") - 1]
    upgrade(revision=before)
    roles = ("cashier", "supervisor", "integrator", "admin")
    with db.engine.begin() as connection:
        for role in roles:
            for granted in ("with", "without"):
                connection.execute(
                    text(
                        "INSERT INTO users (email, password_hash, full_name, role) "
                        "VALUES (:email, 'x', 'Y', :role)"
                    ),
                    {"email": f"{role}.{granted}@clinic.test", "role": role},
                )
        connection.execute(
            text(
                "INSERT INTO user_permissions (user_id, permission_id) SELECT u.id, p.id "
                "FROM users u, permissions p WHERE u.email LIKE '%.with@%' "
                "AND p.name = 'transaction:read'"
            )
        )
    upgrade(revision="0005")
    assert _managers() == ["admin.with@clinic.test", "integrator.with@clinic.test"]
    downgrade(revision=before)
    assert _managers() == []
    upgrade()
    assert _managers() == ["admin.with@clinic.test", "integrator.with@clinic.test"]


def _managers() -> list[str]:
    query = text(
        "SELECT u.email FROM users u JOIN user_permissions g ON g.user_id = u.id "
        "JOIN permissions p ON p.id = g.permission_id WHERE p.name = 'webhook:manage' ORDER BY 1"
    )
    with db.engine.connect() as connection:
        return list(connection.scalars(query))


def test_the_migrated_database_is_what_the_models_describe(app: Flask):
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_there_is_one_line_of_numbered_revisions():
    names = sorted(path.name for path in (PROJECT_ROOT / "migrations/versions").glob("*.py"))
    assert [name[:4] for name in names] == revisions()
    assert revisions() == [f"{number:04}" for number in range(1, len(names) + 1)]


def test_the_permission_rows_are_the_enum(app: Flask):
    rows = db.session.scalars(text("SELECT name FROM permissions")).all()
    assert sorted(rows) == sorted(permission.value for permission in Permission)
    undescribed = db.session.scalar(
        text("SELECT count(*) FROM permissions WHERE coalesce(description, '') = ''")
    )
    assert undescribed == 0


@pytest.mark.parametrize("table", ERD_COLUMNS)
def test_a_table_of_the_erd_has_all_its_columns(app: Flask, table: str):
    columns = {column["name"] for column in inspect(db.engine).get_columns(table)}
    assert set(ERD_COLUMNS[table].split()) <= columns


@pytest.mark.parametrize("table", ERD_INDEXES)
def test_the_indexes_of_the_erd_stand_under_their_names(app: Flask, table: str):
    found = {
        index["name"]: index["column_names"] for index in inspect(db.engine).get_indexes(table)
    }
    assert ERD_INDEXES[table].items() <= found.items()


def test_enumerations_and_the_constraint_of_references_have_their_names(app: Flask):
    enums = db.session.scalars(text("SELECT typname FROM pg_type WHERE typtype = 'e'")).all()
    assert set(enums) == ENUMS
    unique = {item["name"] for item in inspect(db.engine).get_unique_constraints("transactions")}
    assert "unique_reference_per_type" in unique


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transaction_events SET reason = 'other'",
        "DELETE FROM transaction_events",
        "TRUNCATE transaction_events",
    ],
)
def test_the_trail_cannot_be_rewritten(empty: Flask, statement: str):
    upgrade()
    row_id = _write_payment()
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(text(statement))
    assert len(_trail(row_id)) == 2


def test_keys_made_before_migration_0011_keep_their_maker_and_events_name_no_key(empty: Flask):
    upgrade(revision="0010")
    row_id, maker = _write_payment(), uuid.uuid4()
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO users (id, email, password_hash, full_name) "
                "VALUES (:id, 'admin@clinic.test', 'x', 'Y')"
            ),
            {"id": maker},
        )
        for name, created_by in (("by somebody", maker), ("by the command line", None)):
            connection.execute(
                text(
                    "INSERT INTO api_keys (user_id, name, prefix, key_hash, permissions, created_by, "
                    "expires_at) VALUES (:maker, :name, :name, :name, ARRAY['transaction:read'], "
                    ":created_by, now() + interval '1 day')"
                ),
                {"maker": maker, "name": name, "created_by": created_by},
            )
    for _ in range(2):
        upgrade(revision="0011")
        with db.engine.begin() as connection:
            kept = connection.execute(text("SELECT name, makers, made_with FROM api_keys"))
            assert {row[0]: (row[1], row[2]) for row in kept} == {
                "by somebody": ([maker], None),
                "by the command line": ([], None),
            }
            keys = connection.execute(text("SELECT DISTINCT key_id FROM transaction_events"))
            assert keys.scalars().all() == [None]
        assert _trail(row_id) == [(None, "IN_PROGRESS"), ("IN_PROGRESS", "COMPLETED")]
        downgrade(revision="0010")
    upgrade()
