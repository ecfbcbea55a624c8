"""The report of a certification run, as Markdown and JSON, for the bank's team and ours.

It is a document, always in Spanish, so its texts are not in the catalogue of translations.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from webapp.banking.certification.cases import Expected
from webapp.banking.certification.run import CaseResult, Exchange, Verdict
from webapp.banking.gateway import CallRecord, Outcome
from webapp.kernel import formatting

VERDICTS = {Verdict.PASS: "pasa", Verdict.FALL_SHORT: "no cumple", Verdict.ERROR: "error"}


@dataclass(frozen=True)
class Setup:
    """The settings of a run, without secrets."""

    app: str
    environment: str
    dialect: str
    api_url: str
    auth_url: str
    grant_type: str
    timeout: float
    limit: int
    separate_credentials: bool | None
    """Whether the other environment's credentials differ; None where it has none yet."""
    started_at: datetime


@dataclass(frozen=True)
class Tick:
    """One line of a checklist: ticked by the run, or left to a person."""

    text: str
    done: bool
    note: str = ""


ERRORS = frozenset(
    {Expected.RATE_LIMITED, Expected.UNAVAILABLE, Expected.UNREADABLE, Expected.REFUSED_US}
)
TESTS_SUCCEED = "Pruebas de integración con datos de prueba exitosas"
CASES_WRITTEN = "Documentación de casos de prueba preparada"
CHECKLISTS = {
    "Antes de solicitar credenciales QA": [
        Tick("Planillas de Banesco completadas", False),
        Tick("Arquitectura de integración definida", True, "docs/architecture.md"),
        Tick("Equipo de desarrollo asignado", False),
    ],
    "Antes de pruebas conjuntas QA": [
        Tick("Implementación completa", False),
        Tick("Pruebas unitarias pasando (85%+ coverage)", False, "make test lo dice"),
        Tick(TESTS_SUCCEED, False),
        Tick(CASES_WRITTEN, False),
        Tick("Logs y monitoreo configurados", False, "docs/operations.md"),
    ],
    "Antes de solicitar credenciales Producción": [
        Tick("Aprobación de pruebas QA por Banesco", False),
        Tick("Revisión de seguridad completada", False, "docs/security.md"),
        Tick("Plan de rollback definido", False),
        Tick("Equipo de soporte preparado", False),
    ],
    "Antes de masificación": [
        Tick("Aprobación de pruebas en producción", False),
        Tick("Monitoreo y alertas configurados", False, "docs/operations.md"),
        Tick("Plan de comunicación a usuarios", False),
        Tick("Procedimientos de escalación definidos", False),
    ],
}
"""What a person ticks (ERD 7.3); a run ticks the two that are named above."""


def as_json(setup: Setup, results: Sequence[CaseResult]) -> dict[str, Any]:
    """Return the report as JSON data."""
    return {
        "app": setup.app,
        "environment": setup.environment,
        "dialect": setup.dialect,
        "api_url": setup.api_url,
        "auth_url": setup.auth_url,
        "started_at": setup.started_at.isoformat(),
        "passed": all(result.verdict is Verdict.PASS for result in results),
        "verdicts": dict(Counter(result.verdict.value for result in results)),
        "cases": [_case_as_json(result) for result in results],
        "checklists": {
            title: [{"text": tick.text, "done": tick.done, "note": tick.note} for tick in ticks]
            for title, ticks in checklists(setup, results).items()
        },
    }


def _case_as_json(result: CaseResult) -> dict[str, Any]:
    case = result.case
    return {
        "id": case.id,
        "description": case.description,
        "kind": case.claim.bank.value,
        "expected": case.expected.value,
        "expected_amount": None if case.amount is None else str(case.amount),
        "expected_currency": case.currency,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "shown": result.shown,
        "seconds": round(result.seconds, 3),
        "exchanges": [_exchange_as_json(exchange) for exchange in result.exchanges],
    }


def _exchange_as_json(exchange: Exchange) -> dict[str, Any]:
    record = exchange.record
    return {
        "operation": exchange.operation,
        "at": exchange.at.isoformat(),
        "request": dict(record.request),
        "outcome": record.outcome.value if record.outcome else None,
        "http_status": record.http_status,
        "bank_code": record.bank_code,
        "detail": record.detail,
        "latency_ms": record.latency_ms,
        "digest": record.digest,
        "response": record.response,
    }


def as_markdown(setup: Setup, results: Sequence[CaseResult]) -> str:
    """Return the report as Markdown."""
    passed = sum(result.verdict is Verdict.PASS for result in results)
    lines = [
        f"# Certificación con Banesco: {setup.environment}",
        "",
        f"{passed} de {len(results)} casos pasan. Las claves y los tokens están tachados (•••); los demás datos son "
        "los de la prueba: no publique este documento.",
        "",
        "| | |",
        "| --- | --- |",
        f"| Cuándo | {formatting.moment(setup.started_at)} (Caracas) |",
        f"| Programa | {_cell(setup.app)} |",
        f"| Interfaz | `{setup.dialect}` |",
        f"| URL del API | {_cell(setup.api_url)} |",
        f"| URL del token | {_cell(setup.auth_url)} (`{setup.grant_type}`) |",
        "",
        "## Casos",
        "",
        "| caso | qué prueba | se esperaba | el banco | veredicto | segundos |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(result) for result in results),
    ]
    for title, ticks in checklists(setup, results).items():
        lines += ["", f"## {title}", "", *(_tick(tick) for tick in ticks)]
    lines += ["", "## Consultas y respuestas exactas"]
    for result in results:
        lines += _exchanges(result)
    return "\n".join(lines) + "\n"


def _row(result: CaseResult) -> str:
    case = result.case
    wanted = case.expected.value
    if case.amount is not None:
        wanted += f" {case.amount}"
    if case.currency:
        wanted += f" {case.currency}"
    verdict = VERDICTS[result.verdict]
    if result.reason:
        verdict += f": {result.reason}"
    cells = (
        case.id,
        case.description or "—",
        wanted,
        result.shown,
        verdict,
        f"{result.seconds:.2f}",
    )
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _tick(tick: Tick) -> str:
    return f"- [{'x' if tick.done else ' '}] {tick.text}{f' ({tick.note})' if tick.note else ''}"


def _exchanges(result: CaseResult) -> list[str]:
    lines = ["", f"### {result.case.id}: {_cell(result.case.description or result.shown)}"]
    for exchange in result.exchanges:
        record = exchange.record
        status = record.http_status or "sin respuesta"
        lines += [
            "",
            f"{exchange.at.isoformat(timespec='milliseconds')} · {exchange.operation} · HTTP {status} · "
            f"código {record.bank_code or '—'} · {record.latency_ms} ms · "
            f"huella SHA-256 {record.digest or '—'}",
            "",
            *_fenced(record.request),
            "",
            *_response_lines(record, exchange.operation),
        ]
    return lines


def _response_lines(record: CallRecord, operation: str) -> list[str]:
    if record.response is not None:
        return _fenced(record.response)
    if operation == "token" and record.digest:
        return ["El contenido de esta respuesta no se guarda: lleva el token."]
    return [f"Sin respuesta: {record.detail or '—'}."]


def _fenced(content: Any) -> list[str]:
    # JSON escapes line breaks, so nothing in it can end the fence.
    return ["```json", json.dumps(content, ensure_ascii=False, indent=2), "```"]


def checklists(setup: Setup, results: Sequence[CaseResult]) -> dict[str, list[Tick]]:
    """Return what this run proves, and the four checklists of ERD 7.3 with what it can tick of them."""
    passed = bool(results) and all(result.verdict is Verdict.PASS for result in results)
    proved = {
        TESTS_SUCCEED: "comprobado en esta corrida" if passed and setup.environment == "qa" else "",
        CASES_WRITTEN: "este documento" if results else "",
    }
    ticked = {
        title: [
            Tick(tick.text, True, proved[tick.text]) if proved.get(tick.text) else tick
            for tick in ticks
        ]
        for title, ticks in CHECKLISTS.items()
    }
    proof = [*_proved_by_calls(setup, results), *_proved_by_cases(results)]
    return {"Lo que esta corrida comprueba": proof, **ticked}


def _proved_by_calls(setup: Setup, results: Sequence[CaseResult]) -> list[Tick]:
    records = _records(results)
    secure = all(urlsplit(url).scheme == "https" for url in (setup.api_url, setup.auth_url))
    slowest = max((record.latency_ms or 0 for record in records), default=0)
    return [
        Tick(
            f"OAuth 2.0: token obtenido con {setup.grant_type}",
            any(record.outcome is Outcome.TOKEN for record in records),
        ),
        Tick("TLS verificado en todas las llamadas", secure, "" if secure else "una URL es http"),
        Tick(
            f"Ninguna llamada pasó de {setup.timeout:g} s",
            bool(records) and slowest <= setup.timeout * 1000 + 1000,
            f"la más lenta: {slowest} ms",
        ),
        Tick(
            f"Nunca más de {setup.limit} consultas por referencia en 60 s",
            True,
            "lo impone el registro",
        ),
        Tick(
            "Credenciales distintas en QA y producción",
            setup.separate_credentials is True,
            "" if setup.separate_credentials is not None else "aún no hay las del otro ambiente",
        ),
    ]


def _proved_by_cases(results: Sequence[CaseResult]) -> list[Tick]:
    passed = [result.case for result in results if result.verdict is Verdict.PASS]
    handled = [case.id for case in passed if case.expected in ERRORS]
    seen = Counter(
        _code_of(record) for record in _records(results) if record.outcome is not Outcome.TOKEN
    )
    return [
        Tick("Un pago que existe se encuentra", any(case.expected.is_shown for case in passed)),
        Tick(
            "Un pago que no existe no se encuentra",
            any(case.expected is Expected.NOT_FOUND for case in passed),
        ),
        Tick("Errores del banco manejados", bool(handled), ", ".join(handled)),
        Tick(
            "Códigos vistos",
            bool(seen),
            ", ".join(f"{what}: {count}" for what, count in seen.most_common()),
        ),
    ]


def _records(results: Sequence[CaseResult]) -> list[CallRecord]:
    return [exchange.record for result in results for exchange in result.exchanges]


def _code_of(record: CallRecord) -> str:
    status = f"HTTP {record.http_status}" if record.http_status else "sin respuesta"
    return f"{status} {record.bank_code}" if record.bank_code else status
