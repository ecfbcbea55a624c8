"""Refusals that programs can act upon: where the mistake is, its code and the id of the request."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask

from tests.support.logs import watched
from tests.support.people import Cast
from tests.support.programs import Program, check_problem, payment
from webapp.web.security import MAX_BODY_BYTES


def problems_of(answer: Any) -> list[tuple[str, str]]:
    return [(e.get("pointer", e.get("parameter")), e["code"]) for e in answer.get_json()["errors"]]


def test_each_mistake_has_a_pointer_into_the_body(integrator: Program):
    sent = payment(customer={"phone": "123", "surprise": 1}, amount=12.5, bank="NONE")
    del sent["customer"]["full_name"]
    refused = integrator.post("/transactions", sent)
    assert refused.status_code == 422
    assert set(problems_of(refused)) == {
        ("/customer/full_name", "missing"),
        ("/customer/phone", "phone"),
        ("/customer/surprise", "unknown_field"),
        ("/amount", "amount"),
        ("/bank", "not_an_option"),
    }
    for error in refused.get_json()["errors"]:
        assert error["detail"].endswith(".")
        assert error["field"] == error["pointer"].strip("/").replace("/", ".")


def test_a_pointer_is_escaped(integrator: Program):
    refused = integrator.post("/transactions", payment(**{"a/b~c": 1}))
    assert problems_of(refused) == [("/a~1b~0c", "unknown_field")]


@pytest.mark.parametrize("content", [{"customer": None}, {"customer": []}, {"customer": "Rosa"}])
def test_a_wrong_type_has_a_sentence_in_spanish(integrator: Program, content: dict[str, Any]):
    refused = integrator.post("/transactions", {**payment(), **content})
    assert problems_of(refused) == [("/customer", "not_an_object")]
    assert refused.get_json()["errors"][0]["detail"] == "Debe ser un objeto JSON."


def test_a_part_that_is_null_has_a_pointer(integrator: Program):
    made = integrator.post("/transactions", payment()).get_json()
    refused = integrator.call(
        "PATCH",
        f"/transactions/{made['id']}",
        json={"customer": {"phone": None}, "reference": None},
    )
    assert set(problems_of(refused)) == {("/customer/phone", "missing"), ("/reference", "missing")}


def test_the_refusal_of_a_body_full_of_mistakes_is_bounded(integrator: Program):
    sent = {f"{'x' * 300}{number}": number for number in range(2_000)}
    refused = integrator.post("/transactions", {**payment(), **sent})
    assert refused.status_code == 422
    assert len(refused.get_json()["errors"]) == 50
    assert len(refused.data) < 50_000


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"a":' * 100_000, b'{"amount": NaN}', b'{"amount": Infinity}', b""]
)
def test_a_body_that_is_not_json_is_malformed(integrator: Program, body: bytes):
    refused = integrator.call("POST", "/transactions", data=body, content_type="application/json")
    assert refused.status_code == 400
    assert refused.get_json()["code"] == "malformed"
    login = integrator.call("POST", "/auth/login", data=body, content_type="application/json")
    assert login.status_code == 400


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig", "latin-1"]
)
@pytest.mark.parametrize("declared", [False, True])
def test_a_body_in_another_encoding_than_utf_8_is_malformed_and_not_stored(
    integrator: Program, encoding: str, declared: bool
):
    sent = payment(customer={"full_name": "Nuño Peña"})
    body = json.dumps(sent, ensure_ascii=False).encode(encoding)
    kind = "application/json" + (f"; charset={encoding}" if declared else "")
    refused = integrator.call("POST", "/transactions", data=body, content_type=kind)
    assert (refused.status_code, refused.get_json()["code"]) == (400, "malformed")
    assert integrator.get("/transactions").get_json()["total"] == 0


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 1}', b'{"a": {"b": 1, "b": 2}}'])
def test_a_name_that_stands_twice_is_malformed(integrator: Program, body: bytes):
    refused = integrator.call("POST", "/transactions", data=body, content_type="application/json")
    assert (refused.status_code, refused.get_json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/transactions/batch", {"OPTIONS", "POST"}),
        ("GET", "/transactions/batch", {"OPTIONS", "POST"}),
        ("DELETE", "/transactions/batch", {"OPTIONS", "POST"}),
        ("PUT", "/transactions/export", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_beside_payments_names_the_allowed_ones(
    integrator: Program, method: str, path: str, allowed: set[str]
):
    refused = integrator.call(method, path)
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=completed", "not_an_option"),
        ("phone=x", "phone"),
        ("national_id=J123", "national_id_company"),
        ("from_date=2026-02-30", "date"),
        ("from_date=2026-11-1", "date"),
        ("reference=abc", "reference"),
    ],
)
def test_a_wrong_filter_has_its_code(integrator: Program, query: str, code: str):
    refused = integrator.get(f"/transactions?{query}")
    assert problems_of(refused) == [(query.partition("=")[0], code)]


def test_a_part_of_a_user_that_is_null_is_missing(app: Flask, cast: Cast):
    program = Program(app, cast.admin)
    refused = program.call("PATCH", f"/users/{cast.cashier.id}", json={"full_name": None})
    assert problems_of(refused) == [("/full_name", "missing")]


def test_the_id_of_a_problem_is_in_the_header_and_in_the_log(integrator: Program):
    with watched() as lines:
        refused = integrator.get("/transactions/nothing", headers={"X-Request-ID": "his-00000042"})
    assert refused.get_json()["request_id"] == "his-00000042"
    assert refused.headers["X-Request-ID"] == "his-00000042"
    assert [line["request_id"] for line in lines.entries("request")] == ["his-00000042"]


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v2/transactions", "/api/v1/transactions/a/b"]
)
def test_unknown_paths_under_api_are_problems(app: Flask, path: str):
    answer = app.test_client().get(path)
    assert answer.status_code == 404
    check_problem(answer)


def test_a_wrong_method_names_the_allowed_ones(integrator: Program):
    answer = integrator.call("PUT", "/transactions/anything")
    assert answer.status_code == 405
    assert {"GET", "PATCH", "DELETE"} <= set(answer.headers["Allow"].split(", "))


def raw(program: Program, path: str, **environ: Any) -> Any:
    headers = {"Authorization": f"Bearer {program.token}", "Content-Type": "application/json"}
    return program.app.test_client().post(f"/api/v1{path}", headers=headers, **environ)


def test_a_chunked_body_is_capped(integrator: Program):
    stream = io.BytesIO(b'{"a":"' + b"x" * (MAX_BODY_BYTES + 1) + b'"}')
    answer = raw(
        integrator,
        "/transactions",
        input_stream=stream,
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert answer.status_code == 413
    check_problem(answer)
    assert answer.get_json()["code"] == "too_large"


class Breaking(io.BytesIO):
    """A server's stream of a body whose chunks are broken."""

    def read(self, _size: int | None = -1) -> bytes:
        raise RuntimeError("InvalidChunkSize")


def test_a_body_in_broken_chunks_is_malformed(stranger: Program):
    with watched() as lines:
        refused = stranger.call(
            "POST",
            "/auth/login",
            content_type="application/json",
            headers={"Transfer-Encoding": "chunked"},
            input_stream=Breaking(),
            environ_overrides={"wsgi.input_terminated": True},
        )
    assert (refused.status_code, refused.get_json()["code"]) == (400, "malformed")
    assert "unhandled_error" not in str(lines)


@pytest.mark.parametrize("sent", [60_000, 2_000_000])
def test_a_refused_body_is_drained_so_that_the_connection_can_be_used_again(
    stranger: Program, sent: int
):
    body = io.BytesIO(b"x" * sent)
    refused = stranger.call(
        "POST",
        "/transactions",
        content_type="application/json",
        headers={"Content-Length": str(sent)},
        input_stream=body,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert refused.status_code in (401, 413)
    assert body.tell() == sent


def test_a_body_shorter_than_its_content_length_is_malformed(integrator: Program):
    answer = raw(
        integrator,
        "/transactions",
        input_stream=io.BytesIO(b'{"a":'),
        environ_overrides={"CONTENT_LENGTH": "5000"},
    )
    assert answer.status_code == 400
    check_problem(answer)


@pytest.mark.parametrize("length", ["-1", "12x", "１２"])
def test_a_content_length_that_is_not_a_number_is_refused(integrator: Program, length: str):
    answer = raw(
        integrator,
        "/transactions",
        input_stream=io.BytesIO(b"{}"),
        environ_overrides={"CONTENT_LENGTH": length},
    )
    assert answer.status_code in (400, 422)
    check_problem(answer)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/logout", "/transactions/x/review"])
def test_every_route_refuses_a_body_that_is_too_large(integrator: Program, path: str):
    answer = integrator.call(
        "POST", path, data=b"x" * (MAX_BODY_BYTES + 1), content_type="application/json"
    )
    assert answer.status_code == (403 if "review" in path else 413)


def test_head_and_options_are_answered(integrator: Program, stranger: Program):
    head = integrator.call("HEAD", "/transactions")
    assert (head.status_code, head.data) == (200, b"")
    options = stranger.call("OPTIONS", "/transactions")
    assert options.status_code == 204
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert stranger.call("OPTIONS", "/nowhere").status_code == 404
