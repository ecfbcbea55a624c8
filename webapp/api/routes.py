"""The list of the API's routes, and what happens before and after each of them."""

from __future__ import annotations

from webapp.api import json_responses, limiting, paging, repeated_requests
from webapp.api.access import routes as access
from webapp.api.blueprint import bp
from webapp.api.openapi import pages as openapi
from webapp.api.transactions import batch, export
from webapp.api.transactions import routes as transactions
from webapp.api.users import routes as users
from webapp.api.webhooks import routes as webhooks

__all__ = ["access", "batch", "bp", "export", "openapi", "transactions", "users", "webhooks"]

bp.before_request(limiting.check_rate)
bp.before_request(paging.check_parameters)
bp.before_request(repeated_requests.begin)
# Flask runs these in the opposite order, so that the whole response is kept.
bp.after_request(json_responses.hide_from_caches)
bp.after_request(json_responses.respect_conditions)
bp.after_request(repeated_requests.complete)
