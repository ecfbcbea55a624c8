"""Who may use the bank: callers under this machine's names; and who may give orders: this machine alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, request

from webapp.banking.sandbox.form_values import BadInput
from webapp.banking.sandbox.wire import reply

HOST_NAMES = "SANDBOX_HOST_NAMES"
"""Key of the application's configuration: host names that are answered besides loopback's."""


def refuse_foreign_names() -> Response | None:
    """Answer 421 where the Host header names another machine; None lets the request go on.

    Otherwise a web page whose name was made to lead to 127.0.0.1 (DNS rebinding) could read what is here.
    """
    name = urlsplit(f"//{request.host}").hostname or ""
    if _is_loopback(name) or name in current_app.config[HOST_NAMES]:
        return None
    return reply({"error": "Use localhost o 127.0.0.1 como dirección."}, 421)


def refuse_strangers() -> Response | None:
    """Answer 403 to other machines and to orders of other web pages; None lets the request go on."""
    if not _is_loopback(request.remote_addr or ""):
        return reply({"error": "Solo se atiende desde esta misma máquina."}, 403)
    if request.method not in ("GET", "HEAD") and _is_cross_site():
        return reply({"error": "La orden viene de otra página web."}, 403)
    return None


def json_object() -> Mapping[str, Any]:
    """Return the JSON object that the request carries. Raises BadInput."""
    if request.mimetype != "application/json":
        raise BadInput("Envíe un objeto JSON con Content-Type: application/json.")
    payload = request.get_json(silent=True)
    if not isinstance(payload, dict):
        raise BadInput("El cuerpo debe ser un objeto JSON.")
    return payload


def _is_cross_site() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
