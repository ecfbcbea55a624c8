"""The sandbox's own page, in Spanish: what can be tried, the bank's movements and the calls that came."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from webapp.banking.sandbox import form_values
from webapp.banking.sandbox.bank import current_bank
from webapp.banking.sandbox.clock import CARACAS
from webapp.banking.sandbox.failures import SCOPES, Mode, read_failure
from webapp.banking.sandbox.guard import refuse_strangers
from webapp.banking.sandbox.outcomes import FAMILIES, read_key
from webapp.banking.sandbox.status_dialect import look_up
from webapp.banking.sandbox.store import read_movement
from webapp.banking.sandbox.tokens import CLIENTS

page = Blueprint("page", __name__)

CALLS_SHOWN = 50
MOVEMENTS_SHOWN = 100
EXAMPLE_AMOUNT = "124000"
WORDS = ("approved", "completed", "success", "pending", "processing", "rejected", "reversed")
MODES_IN_WORDS = {
    Mode.DOWN: "caído: cierra sin responder",
    Mode.HANG: "se cuelga",
    Mode.RESET: "reinicia la conexión",
    Mode.SLOW: "responde gota a gota",
    Mode.HALF_BODY: "corta el cuerpo por la mitad",
    Mode.CONTENT_TYPE: "dice text/html",
    Mode.GARBAGE: "responde HTML",
    Mode.WRONG_TYPES: "tipos JSON equivocados",
    Mode.HUGE: "cuerpo enorme",
    Mode.REDIRECT: "redirige a otra dirección",
}
SCOPES_IN_WORDS = {"all": "todas", "tokens": "solo las de token", "transactions": "solo consultas"}


@page.get("/")
def home() -> str:
    """Show the page; `?reference=` shows what the bank would answer about it."""
    return _render()


@page.post("/play/movements")
def add_movement() -> AnyResponse | tuple[str, int]:
    """Store a movement from the page's form."""
    bank = current_bank()
    try:
        bank.movements.add(read_movement(_form(), bank.clock))
    except form_values.BadInput as problem:
        return _render(problem=str(problem), problem_in="movement"), 400
    return _back("movimientos")


@page.post("/play/failures")
def add_failure() -> AnyResponse | tuple[str, int]:
    """Put an order to fail in force, from the page's form."""
    bank = current_bank()
    try:
        bank.failures.add(read_failure(_form(), bank.clock))
    except form_values.BadInput as problem:
        return _render(problem=str(problem), problem_in="failure"), 400
    return _back("averias")


@page.post("/play/recover")
def recover() -> AnyResponse:
    """Make the bank well again."""
    current_bank().recover()
    return _back("averias")


@page.post("/play/reset")
def reset() -> AnyResponse:
    """Go back to the start."""
    current_bank().reset()
    return _back("principio")


@page.before_request
def only_this_machine_gives_orders() -> Response | None:
    """Refuse forms of other machines and other web pages."""
    return None if request.method in ("GET", "HEAD") else refuse_strangers()


@page.after_request
def harden(response: Response) -> Response:
    """Add the headers that protect the page in a browser."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def _render(*, problem: str | None = None, problem_in: str | None = None) -> str:
    bank = current_bank()
    now = bank.clock.now()
    movements = bank.movements.all()
    calls = bank.calls.select(limit=CALLS_SHOWN)
    return render_template(
        "sandbox.html",
        base=request.host_url.rstrip("/"),
        clients=CLIENTS,
        settings=bank.settings,
        lifetime=bank.tokens.lifetime,
        families=[(one, f"{one.prefix}{EXAMPLE_AMOUNT}") for one in FAMILIES.values()],
        tried=_try_out(request.args.get("reference", "").strip()),
        movements=list(reversed(movements))[:MOVEMENTS_SHOWN],
        movement_count=len(movements),
        failures=bank.failures.all(),
        calls=list(reversed(calls)),
        call_count=bank.calls.total,
        worst=bank.calls.worst_window(),
        modes=[(mode.value, MODES_IN_WORDS.get(mode, f"HTTP {mode.value}")) for mode in Mode],
        scopes=[(scope, SCOPES_IN_WORDS[scope]) for scope in SCOPES],
        words=WORDS,
        problem=problem,
        problem_in=problem_in,
        typed=request.form,
        now=now,
        caracas=CARACAS,
    )


def _try_out(reference: str) -> dict[str, Any] | None:
    """Return what the bank would answer in the dialect `status`; its delays do not start."""
    if not reference:
        return None
    shown = reference[: form_values.LONGEST_TEXT]
    found = look_up(current_bank(), shown, peek=True)
    asked = read_key(shown)
    body = json.dumps(found.response.get_json(), ensure_ascii=False, indent=2)
    return {
        "reference": shown,
        "family": asked.family if asked else None,
        "fails": found.mode is not None,
        "status": found.response.status_code,
        "body": body,
    }


def _form() -> dict[str, str]:
    """Return the fields that were filled in."""
    return {name: value for name, value in request.form.items() if value.strip()}


def _back(anchor: str) -> AnyResponse:
    return redirect(url_for("page.home", _anchor=anchor), code=303)
