"""The admin endpoints, JSON, for this machine only: how the bank is told what to do."""

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
    bank = current_bank()
    now = bank.clock.now()
    return reply({"movements": [one.as_json(now) for one in bank.movements.all()]})


@admin.post("/movements")
def add_movement() -> Response:
    bank = current_bank()
    movement = bank.movements.add(read_movement(json_object(), bank.clock))
    return reply(movement.as_json(bank.clock.now()), 201)


@admin.delete("/movements/<int:movement_id>")
def remove_movement(movement_id: int) -> Response:
    if not current_bank().movements.remove(movement_id):
        return reply({"error": f"No hay un movimiento con el número {movement_id}."}, 404)
    return reply(DONE)


@admin.get("/failures")
def list_failures() -> Response:
    return reply({"failures": [one.as_json() for one in current_bank().failures.all()]})


@admin.post("/failures")
def add_failure() -> Response:
    bank = current_bank()
    return reply(bank.failures.add(read_failure(json_object(), bank.clock)).as_json(), 201)


@admin.delete("/failures")
def recover() -> Response:
    current_bank().recover()
    return reply(DONE)


@admin.delete("/failures/<int:failure_id>")
def remove_failure(failure_id: int) -> Response:
    bank = current_bank()
    if not bank.failures.remove(failure_id):
        return reply({"error": f"No hay una avería con el número {failure_id}."}, 404)
    bank.pauses.release()
    return reply(DONE)


@admin.get("/calls")
def list_calls() -> Response:
    """Filters: `kind`, `key`, `limit`. `worst_window`: most calls about one key in any 60 s."""
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
    current_bank().calls.clear()
    return reply(DONE)


@admin.post("/token")
def change_tokens() -> Response:
    """`lifetime`: seconds, for tokens given out from now on. `expire_all`: end the others now."""
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
    """`advance`: seconds that pass at the bank at once; the call log keeps the machine's time."""
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
    current_bank().reset()
    return reply(DONE)
