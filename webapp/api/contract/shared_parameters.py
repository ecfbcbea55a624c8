"""The parameters that operations of the API share, as the contract publishes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

PARAMETERS: Mapping[str, Schema] = {
    "Idempotency-Key": {
        "in": "header",
        "description": "Your own key of this request: for a day, the same request with the same key is carried out once "
        "and answered alike; another request with it is refused with 422.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[!-~]([ -~]{0,253}[!-~])?$",
        },
        "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    },
    "If-Match": {
        "in": "header",
        "description": "The version that you read, as in its `ETag`; refused with 412 where another one stands.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "If-None-Match": {
        "in": "header",
        "description": "The version that you have, as in its `ETag`; answered with 304 where it still stands.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "transaction_id": {
        "in": "path",
        "required": True,
        "description": "The payment's `transaction_id`, or its `id`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 100},
        "example": "HIS-2026-100124000",
    },
    **{
        name: {
            "in": "path",
            "required": True,
            "description": about,
            "schema": {"type": "string", "format": "uuid"},
            "example": "0f8fad5b-d9cb-469f-a165-70867728950e",
        }
        for name, about in (
            ("user_id", "The user's `id`."),
            ("key_id", "The key's `id`."),
            ("webhook_id", "The webhook's `id`."),
            ("delivery_id", "The delivery's `id`: the `webhook-id` of its messages."),
        )
    },
}
"""Every shared parameter by its name."""
