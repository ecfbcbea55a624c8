"""The blueprint of all routes of the API."""

from __future__ import annotations

from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from webapp.transactions.identifiers import RESERVED_IDS


class PaymentKey(BaseConverter):
    """The converter of a payment's id in a path: anything but the names of the other routes beside it."""

    regex = rf"(?!(?:{'|'.join(sorted(RESERVED_IDS))})$)[^/]+"


bp = Blueprint("api", __name__, url_prefix="/api/v1")


@bp.record_once
def _register_converter(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["payment"] = PaymentKey
