"""The blueprint that all routes of the API stand on."""

from __future__ import annotations

from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from webapp.transactions.identifiers import RESERVED_IDS


class PaymentKey(BaseConverter):
    """A payment's id in a path: anything that is not the name of another route beside it."""

    regex = rf"(?!(?:{'|'.join(sorted(RESERVED_IDS))})$)[^/]+"


bp = Blueprint("api", __name__, url_prefix="/api/v1")


@bp.record_once
def _know_payment_keys(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["payment"] = PaymentKey
