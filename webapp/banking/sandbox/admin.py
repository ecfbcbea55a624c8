"""The admin endpoints, in JSON, for this machine only: orders to the bank while it runs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from webapp.banking.sandbox import form_values
from webapp.banking.sandbox.bank import current_bank
from webapp.banking.sandbox.failures import read_failure
from webapp.banking.sandbox.guard import json_object, refuse_strangers
from webapp.banking.sandbox.store import read_movement
from webapp.banking.sandbox.wire import reply

admin = Blueprint("admin", __name__, url_prefix="/admin")
admin.before_request(refuse_strangers)

DONE: dict[str, Any] = {"done": True}


@admin.get("/movements")
def list_movements() -> Response:
    """Answer GET /admin/movements: all movements, those not shown yet included."""
    bank = current_bank()
    now = bank.clock.now()
    return reply({"movements": [one.as_json(now) for one in bank.movements.all()]})


@admin.post("/movements")
def add_movement() -> Response:
    """Answer POST /admin/movements: store one movement."""
    bank = current_bank()
    movement = bank.movements.add(read_movement(json_object(), bank.clock))
    return reply(movement.as_json(bank.clock.now()), 201)


@admin.delete("/movements/<int:movement_id>")
def remove_movement(movement_id: int) -> Response:
    """Answer DELETE /admin/movements/{id}."""
    if not current_bank().movements.remove(movement_id):
        return reply({"error": f"No hay un movimiento con el número {movement_id}."}, 404)
    return reply(DONE)


@admin.get("/failures")
def list_failures() -> Response:
    """Answer GET /admin/failures: the orders to fail that are in force."""
    return reply({"failures": [one.as_json() for one in current_bank().failures.all()]})


@admin.post("/failures")
def add_failure() -> Response:
    """Answer POST /admin/failures: from now on, calls that it strikes fail."""
    bank = current_bank()
    return reply(bank.failures.add(read_failure(json_object(), bank.clock)).as_json(), 201)


@admin.delete("/failures")
def recover() -> Response:
    """Answer DELETE /admin/failures: the bank is well again, and hanging calls end."""
    current_bank().recover()
    return reply(DONE)


@admin.delete("/failures/<int:failure_id>")
def remove_failure(failure_id: int) -> Response:
    """Answer DELETE /admin/failures/{id}: lift one order, and end the calls that hang."""
    bank = current_bank()
    if not bank.failures.remove(failure_id):
        return reply({"error": f"No hay una avería con el número {failure_id}."}, 404)
    bank.pauses.release()
    return reply(DONE)


@admin.get("/calls")
def list_calls() -> Response:
    """Answer GET /admin/calls, filtered by `kind`, `key` and `limit`.

    `worst_window` is the most calls about one key in any 60 s.
    """
    bank = current_bank()
    calls = bank.calls.select(
        kind=request.args.get("kind"),
        key=request.args.get("key"),
        limit=form_values.count(request.args, "limit"),
    )
    worst, key = bank.calls.worst_window()
    return reply(
        {
            "total": bank.calls.total,
            "worst_window": {"seconds": 60, "calls": worst, "key": key},
            "calls": [call.as_json() for call in calls],
        }
    )


@admin.delete("/calls")
def clear_calls() -> Response:
    """Answer DELETE /admin/calls: forget the calls and count from one again."""
    current_bank().calls.clear()
    return reply(DONE)


@admin.post("/token")
def change_tokens() -> Response:
    """Answer POST /admin/token.

    `lifetime` is in seconds, for tokens given out from now on; `expire_all` ends the others now.
    """
    bank = current_bank()
    payload = json_object()
    form_values.only(payload, ("lifetime", "expire_all"))
    expire_all = payload.get("expire_all", False)
    if not isinstance(expire_all, bool):
        raise form_values.BadInput("expire_all debe ser true o false.")
    lifetime = form_values.seconds(payload, "lifetime")
    if lifetime is not None:
        bank.tokens.lifetime = lifetime
    expired = bank.tokens.expire_all() if expire_all else 0
    return reply({"lifetime": bank.tokens.lifetime, "expired": expired})


@admin.post("/clock")
def advance_clock() -> Response:
    """Answer POST /admin/clock: `advance` seconds pass at the bank; the call log keeps the machine's time."""
    bank = current_bank()
    payload = json_object()
    form_values.only(payload, ("advance",))
    seconds = form_values.seconds(payload, "advance")
    if seconds is None:
        raise form_values.BadInput("Falta advance: cuántos segundos deben pasar.")
    bank.clock.advance(seconds)
    return reply({"now": bank.clock.now().isoformat()})


@admin.post("/reset")
def reset() -> Response:
    """Answer POST /admin/reset: everything is as at the start."""
    current_bank().reset()
    return reply(DONE)
