"""The report of a certification: for the bank's team and ours, in the bank's language, as Markdown and JSON.

It is a document and not a page: Spanish whoever reads it, so its texts are not in the catalogue.
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
    """Under which settings the cases were run; no secrets."""

    app: str
    environment: str
    dialect: str
    api_url: str
    auth_url: str
    grant_type: str
    timeout: float
    limit: int
    separate_credentials: bool | None
    """Whether the other environment has other credentials; None where it has none yet."""
    started_at: datetime


@dataclass(frozen=True)
class Tick:
    """One line of a checklist: ticked by this run, or left for a person."""

    text: str
    done: bool
    note: str = ""


def as_json(setup: Setup, results: Sequence[CaseResult]) -> dict[str, Any]:
    """The whole report as data."""
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
    """The whole report as people read it."""
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
            *_answer(record, exchange.operation),
        ]
    return lines


def _answer(record: CallRecord, operation: str) -> list[str]:
    if record.response is not None:
        return _fenced(record.response)
    if operation == "token" and record.digest:
        return ["El contenido de esta respuesta no se guarda: lleva el token."]
    return [f"Sin respuesta: {record.detail or '—'}."]


def _fenced(content: Any) -> list[str]:
    # JSON escapes line breaks, so nothing in it can end the fence.
    return ["```json", json.dumps(content, ensure_ascii=False, indent=2), "```"]


def checklists(setup: Setup, results: Sequence[CaseResult]) -> dict[str, list[Tick]]:
    """What this run proves, and the four checklists of ERD 7.3 with what it can tick of them."""
    passed = bool(results) and all(result.verdict is Verdict.PASS for result in results)
    qa_done = passed and setup.environment == "qa"
    by_run = "comprobado en esta corrida"
    return {
        "Lo que esta corrida comprueba": _proved(setup, results),
        "Antes de solicitar credenciales QA": [
            Tick("Planillas de Banesco completadas", False),
            Tick("Arquitectura de integración definida", True, "docs/architecture.md"),
            Tick("Equipo de desarrollo asignado", False),
        ],
        "Antes de pruebas conjuntas QA": [
            Tick("Implementación completa", False),
            Tick("Pruebas unitarias pasando (85%+ coverage)", False, "make test lo dice"),
            Tick(
                "Pruebas de integración con datos de prueba exitosas",
                qa_done,
                by_run if qa_done else "",
            ),
            Tick(
                "Documentación de casos de prueba preparada",
                bool(results),
                "este documento" if results else "",
            ),
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


def _proved(setup: Setup, results: Sequence[CaseResult]) -> list[Tick]:
    exchanges = [exchange for result in results for exchange in result.exchanges]
    records = [exchange.record for exchange in exchanges]
    token = any(record.outcome is Outcome.TOKEN for record in records)
    secure = all(urlsplit(url).scheme == "https" for url in (setup.api_url, setup.auth_url))
    slowest = max((record.latency_ms or 0 for record in records), default=0)
    in_time = bool(records) and slowest <= setup.timeout * 1000 + 1000
    seen = Counter(_seen(record) for record in records if record.outcome is not Outcome.TOKEN)
    errors = {
        Expected.RATE_LIMITED,
        Expected.UNAVAILABLE,
        Expected.UNREADABLE,
        Expected.REFUSED_US,
    }
    handled = [
        result.case.id
        for result in results
        if result.case.expected in errors and result.verdict is Verdict.PASS
    ]
    return [
        Tick(f"OAuth 2.0: token obtenido con {setup.grant_type}", token),
        Tick("TLS verificado en todas las llamadas", secure, "" if secure else "una URL es http"),
        Tick(
            f"Ninguna llamada pasó de {setup.timeout:g} s",
            in_time,
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
        Tick("Un pago que existe se encuentra", _passes(results, shown=True)),
        Tick(
            "Un pago que no existe no se encuentra",
            any(
                result.case.expected is Expected.NOT_FOUND and result.verdict is Verdict.PASS
                for result in results
            ),
        ),
        Tick("Errores del banco manejados", bool(handled), ", ".join(handled)),
        Tick(
            "Códigos vistos",
            bool(seen),
            ", ".join(f"{what}: {count}" for what, count in seen.most_common()),
        ),
    ]


def _passes(results: Sequence[CaseResult], *, shown: bool) -> bool:
    return any(
        result.case.expected.is_shown is shown and result.verdict is Verdict.PASS
        for result in results
    )


def _seen(record: CallRecord) -> str:
    status = f"HTTP {record.http_status}" if record.http_status else "sin respuesta"
    return f"{status} {record.bank_code}" if record.bank_code else status
