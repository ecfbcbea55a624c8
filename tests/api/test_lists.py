"""Lists: exact pages, stable cursors, days of Caracas, strict filters and exports."""

from __future__ import annotations

import csv
import io
import itertools
import re
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support import payments
from tests.support.people import Cast
from tests.support.programs import Program, payment
from webapp.kernel.database import db
from webapp.transactions import exporting

EXPORT = "/transactions/export"


def walk(program: Program, query: str) -> list[str]:
    """Return every id from the first page on, by following `Link` alone."""
    found, path = [], f"/transactions?{query}"
    for _ in range(100):
        answer = program.get(path)
        assert answer.status_code == 200
        found += [item["id"] for item in answer.get_json()["items"]]
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        assert (link is None) == (answer.get_json()["next_cursor"] is None)
        if link is None:
            return found
        path = link[1].removeprefix("/api/v1")
    raise AssertionError("the list does not end")


def ids(rows: Any) -> list[str]:
    return [str(row.id) for row in rows]


@pytest.mark.parametrize("start", ["size=2", "size=2&cursor=", "size=7", "limit=2&offset=0"])
def test_following_the_links_gives_everything_once_newest_first(
    integrator: Program, cast: Cast, start: str
):
    rows = [payments.logged(cast.cashier) for _ in range(7)]
    assert walk(integrator, start) == ids(reversed(rows))


def test_no_row_is_repeated_or_skipped_while_others_are_inserted(integrator: Program, cast: Cast):
    rows = [payments.logged(cast.cashier) for _ in range(6)]
    answer = integrator.get("/transactions?size=2").get_json()
    found = [item["id"] for item in answer["items"]]
    while answer["next_cursor"]:
        payments.logged(cast.cashier)
        path = f"/transactions?size=2&cursor={answer['next_cursor']}"
        answer = integrator.get(path).get_json()
        found += [item["id"] for item in answer["items"]]
    assert found == ids(reversed(rows))


def test_rows_with_the_same_moment_are_all_listed(app: Flask, integrator: Program, cast: Cast):
    rows = [payments.logged(cast.cashier) for _ in range(5)]
    db.session.execute(text("UPDATE transactions SET created_at = '2026-01-01T12:00:00.123456Z'"))
    db.session.commit()
    assert sorted(walk(integrator, "size=1&cursor=")) == sorted(ids(rows))


def test_the_filter_goes_with_the_link_and_the_cursor_with_its_filter(
    integrator: Program, cast: Cast
):
    ours = [payments.logged(cast.cashier, full_name="Ángel Ñáñez") for _ in range(3)]
    payments.logged(cast.cashier, full_name="Otra Persona")
    assert walk(integrator, "q=ángel&size=1") == ids(reversed(ours))
    cursor = integrator.get("/transactions?q=ángel&size=1").get_json()["next_cursor"]
    for other in ("", "q=otra&", "q=ángel&status=COMPLETED&"):
        refused = integrator.get(f"/transactions?{other}cursor={cursor}")
        assert refused.status_code == 422
        assert refused.get_json()["errors"][0]["code"] == "cursor_of_other_filter"
        assert refused.get_json()["errors"][0]["parameter"] == "cursor"


@pytest.mark.parametrize("cursor", ["x", "W10", "W10.abc", "%00", "ñ", "x" * 2000, "null", "."])
def test_a_forged_cursor_is_refused(integrator: Program, cursor: str):
    refused = integrator.get(f"/transactions?cursor={cursor}")
    assert refused.status_code == 422
    assert refused.get_json()["errors"][0]["code"] == "bad_cursor"


def test_totals_and_pages_are_exact(integrator: Program, cast: Cast):
    assert integrator.get("/transactions").get_json() == {
        "items": [],
        "total": 0,
        "page": 1,
        "size": 20,
        "pages": 0,
        "next_cursor": None,
    }
    for _ in range(5):
        payments.logged(cast.cashier)
    pages = [integrator.get(f"/transactions?page={n}&size=2").get_json() for n in (1, 2, 3, 4)]
    assert [len(page["items"]) for page in pages] == [2, 2, 1, 0]
    assert {(page["total"], page["pages"]) for page in pages} == {(5, 3)}
    assert [page["page"] for page in pages] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ("size=0", "size", "out_of_range"),
        ("size=101", "size", "out_of_range"),
        ("limit=101", "limit", "out_of_range"),
        ("page=-1", "page", "out_of_range"),
        ("page=1.0", "page", "out_of_range"),
        ("size=", "size", "out_of_range"),
        ("statuss=COMPLETED", "statuss", "unknown_parameter"),
        ("status=COMPLETED&status=UNKNOWN", "status", "repeated"),
        ("page=1&offset=0", "offset", "contradictory"),
        ("size=5&limit=5", "limit", "contradictory"),
        ("cursor=&page=1", "page", "contradictory"),
        ("cursor=&offset=1", "offset", "contradictory"),
        ("status=completed", "status", "not_an_option"),
        ("from_date=2026-02-30", "from_date", "date"),
        ("from_date=2026-01-01T00:00:00Z", "from_date", "date"),
        ("to_date=9999-12-31", "to_date", "invalid"),
        ("reference=abc", "reference", "reference"),
        ("phone=0212-1234567", "phone", "phone"),
    ],
)
def test_a_wrong_parameter_is_named(integrator: Program, query: str, parameter: str, code: str):
    refused = integrator.get(f"/transactions?{query}")
    assert refused.status_code == 422
    (error,) = refused.get_json()["errors"]
    assert (error["parameter"], error["field"], error["code"]) == (parameter, parameter, code)


def test_a_list_is_narrowed_to_who_logged_it_with_its_total(integrator: Program, cast: Cast):
    rows = [payments.logged(cast.cashier) for _ in range(3)]
    payments.logged(cast.other_cashier)
    query = f"created_by={cast.cashier.id}"
    assert walk(integrator, f"{query}&size=2") == ids(reversed(rows))
    assert integrator.get(f"/transactions?{query}").get_json()["total"] == 3


def test_days_are_those_of_caracas(app: Flask, integrator: Program, cast: Cast):
    moments = ["2026-03-01T03:59:59Z", "2026-03-01T04:00:00Z", "2026-03-02T03:59:59Z"]
    rows = [payments.logged(cast.cashier) for _ in moments]
    for row, moment in zip(rows, moments, strict=True):
        db.session.execute(
            text("UPDATE transactions SET created_at = :m WHERE id = :id"),
            {"m": moment, "id": row.id},
        )
    db.session.commit()
    day = integrator.get("/transactions?from_date=2026-03-01&to_date=2026-03-01").get_json()
    assert {item["id"] for item in day["items"]} == set(ids(rows[1:]))
    before = integrator.get("/transactions?to_date=2026-02-28").get_json()
    assert [item["id"] for item in before["items"]] == ids(rows[:1])


def sheet(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_the_export_has_what_the_json_has(integrator: Program):
    concept = 'Consulta, "control"\ny placas'
    made = integrator.post(
        "/transactions", payment(customer={"full_name": "Ñáñez Ágata", "concept": concept})
    ).get_json()
    answer = integrator.get(EXPORT)
    assert answer.content_type == "text/csv; charset=utf-8"
    disposition = r'attachment; filename="transactions-\d{4}-\d\d-\d\d\.csv"'
    assert re.fullmatch(disposition, answer.headers["Content-Disposition"])
    assert answer.text.count("\r\n") == 2
    (row,) = sheet(answer)
    assert row["customer.full_name"] == "Ñáñez Ágata"
    assert row["customer.concept"] == concept
    assert (row["amount"], row["bank_amount"]) == ("1240.00", "")
    assert row["created_at"] == made["created_at"]
    for name in ("id", "transaction_id", "status", "bank", "reference", "currency"):
        assert row[name] == made[name]


@pytest.mark.parametrize(
    "concept", ["=1+1", "＝1+1", "+58", "-2", "@SUM(A1)", "=cmd|' /C calc'!A0"]
)
def test_no_cell_is_a_formula(integrator: Program, concept: str):
    integrator.post("/transactions", payment(customer={"concept": concept}))
    (row,) = sheet(integrator.get(EXPORT))
    assert row["customer.concept"] == f"'{concept}"


def test_no_cell_is_a_formula_to_a_program_that_splits_at_semicolons(integrator: Program):
    integrator.post("/transactions", payment(customer={"concept": "a;=1+1"}))
    (row,) = sheet(integrator.get(EXPORT))
    assert row["customer.concept"] == "a;'=1+1"


def test_the_export_respects_the_filter_and_refuses_wrong_parameters(
    integrator: Program, cast: Cast
):
    one = payments.logged(cast.cashier)
    payments.logged(cast.cashier)
    answer = integrator.get(f"{EXPORT}?reference={one.reference}")
    assert [row["id"] for row in sheet(answer)] == ids([one])
    assert integrator.get(f"{EXPORT}?status=NOPE").status_code == 422
    assert integrator.get(f"{EXPORT}?size=5").status_code == 422


def many(cast: Cast, count: int) -> None:
    db.session.execute(
        text(
            "INSERT INTO transactions (id, transaction_id, bank, reference, reference_key, "
            "customer_full_name, customer_name_search, customer_phone, customer_national_id, "
            "created_by) SELECT gen_random_uuid(), 'M-' || n, 'BANESCO', n::text, n::text, "
            "'Rosa Villegas', 'rosa villegas', '04141234567', 'V9876543', :owner "
            "FROM generate_series(200000001, 200000000 + :count) AS n"
        ),
        {"owner": cast.cashier.id, "count": count},
    )
    db.session.commit()


def test_a_long_export_has_every_row_once(integrator: Program, cast: Cast):
    # All of one moment, so that only their ids order them; one more than whole parts.
    many(cast, exporting.EXPORT_CHUNK * 2 + 1)
    found = [row["id"] for row in sheet(integrator.get(EXPORT))]
    assert len(found) == len(set(found)) == exporting.EXPORT_CHUNK * 2 + 1
    assert found == sorted(found, reverse=True)


def test_the_memory_of_an_export_does_not_grow_with_it(integrator: Program, cast: Cast):
    def peak() -> int:
        headers = {"Authorization": f"Bearer {integrator.token}"}
        answer = integrator.app.test_client().get(f"/api/v1{EXPORT}", headers=headers)
        tracemalloc.start()
        lines = sum(part.count(b"\n") for part in answer.iter_encoded())
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert lines > exporting.EXPORT_CHUNK
        return most

    many(cast, exporting.EXPORT_CHUNK * 2)
    few = peak()
    db.session.execute(text("UPDATE transactions SET reference_key = NULL, deleted_at = now()"))
    db.session.execute(text("UPDATE transactions SET transaction_id = 'D' || transaction_id"))
    db.session.commit()
    many(cast, exporting.EXPORT_CHUNK * 12)
    assert peak() < few * 1.5


def test_an_export_that_is_abandoned_releases_its_connection(integrator: Program, cast: Cast):
    many(cast, exporting.EXPORT_CHUNK * 2)
    headers = {"Authorization": f"Bearer {integrator.token}"}
    answer = integrator.app.test_client().get(f"/api/v1{EXPORT}", headers=headers)
    assert next(itertools.islice(answer.iter_encoded(), 1, None))
    open_ = db.session.scalar(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
        )
    )
    db.session.rollback()
    assert open_ == 0


def test_conditional_requests_follow_http(integrator: Program, supervisor_program: Program):
    made = integrator.post("/transactions", sent := payment())
    path, etag = f"/transactions/{made.get_json()['id']}", made.headers["ETag"]
    unchanged = integrator.get(path, headers={"If-None-Match": f'"other", {etag}'})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert unchanged.headers["ETag"] == etag
    assert integrator.get(path, headers={"If-None-Match": '"99"'}).status_code == 200
    for matching in (etag, f'"98", {etag}', "*", f"W/{etag}"):
        assert patched(integrator, path, matching, "1240.00") == 200
    for stale in ('"99"', '"98", "97"', "nonsense", "", ",", '"', "W/", '""', '"-"'):
        assert patched(integrator, path, stale, "3.00") == 412
    changed = integrator.post(
        "/transactions", {**sent, "amount": "4.00"}, headers={"If-Match": etag}
    )
    assert changed.status_code == 200
    stale_again = {**sent, "amount": "5.00"}
    refused = integrator.post("/transactions", stale_again, headers={"If-Match": etag})
    assert refused.status_code == 412
    assert refused.get_json()["code"] == "version_mismatch"
    fresh = payment()
    nothing_there = integrator.post("/transactions", fresh, headers={"If-Match": '"1"'})
    assert nothing_there.status_code == 412
    reason = {"reason": "Duplicado"}
    gone = supervisor_program.call("DELETE", path, json=reason, headers={"If-Match": etag})
    assert gone.status_code == 412
    assert supervisor_program.get(path).status_code == 200


def patched(program: Program, path: str, version: str, amount: str) -> int:
    sent = {"amount": amount}
    return program.call("PATCH", path, json=sent, headers={"If-Match": version}).status_code


def test_moments_are_in_utc(integrator: Program):
    made = integrator.post("/transactions", payment()).get_json()
    assert made["created_at"].endswith("Z")
    assert datetime.fromisoformat(made["created_at"]).tzinfo == UTC
