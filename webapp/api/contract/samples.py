"""Examples of bodies, as the contract shows them; a test validates them against their schemas."""

from __future__ import annotations

from typing import Any

Sample = dict[str, Any]

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"

NEW_TRANSACTION: Sample = {
    "transaction_id": "HIS-2026-100124000",
    "customer": {
        "full_name": "Rosa Elena Villegas",
        "phone": "04141234567",
        "national_id": "V9876543",
        "concept": "Consulta",
    },
    "reference": "100124000",
    "bank": "MOBILE_TRANSFER",
    "amount": "1240.00",
    "payer_bank": "0102",
}
CHANGES: Sample = {"amount": "1250.00", "customer": {"concept": "Consulta y laboratorio"}}
DECISION: Sample = {"decision": "approve", "reason": "Coincide con el estado de cuenta"}
TRANSACTION: Sample = {
    "id": ID,
    "transaction_id": "HIS-2026-100124000",
    "status": "COMPLETED",
    "bank": "MOBILE_TRANSFER",
    "transaction_type": "TRANSACTION",
    "reference": "100124000",
    "customer": {
        "full_name": "Rosa Elena Villegas",
        "phone": "04141234567",
        "national_id": "V9876543",
        "concept": "Consulta",
    },
    "amount": "1240.00",
    "currency": "VES",
    "payer_bank": "0102",
    "operation_date": None,
    "bank_amount": "1240.00",
    "bank_reference": "100124000",
    "reasons": [{"code": "MATCHED", "detail": "Banesco muestra un abono que coincide."}],
    "banesco_details": {"status": "approved", "reference": "100124000", "amount": "1240.00"},
    "movements": [],
    "version": 2,
    "created_at": "2026-11-24T13:05:11.402913Z",
    "updated_at": "2026-11-24T13:05:12.118204Z",
}
CURSOR = "WzE3OTU1MjE2MDBd.c2lnbmVk"
PAGE: Sample = {
    **{"items": [TRANSACTION], "total": 41, "page": 1, "size": 20, "pages": 3},
    "next_cursor": CURSOR,
}
STRETCH: Sample = {"items": [TRANSACTION], "size": 20, "next_cursor": None}
NEW_BATCH: Sample = {"items": [NEW_TRANSACTION, {**NEW_TRANSACTION, "amount": 1240}]}
BATCH: Sample = {
    "items": [
        {"index": 0, "status": 201, "transaction": TRANSACTION, "problem": None},
        {
            "index": 1,
            "status": 422,
            "transaction": None,
            "problem": {
                "type": "about:blank",
                "title": "Datos por corregir",
                "status": 422,
                "detail": "Revise los datos marcados.",
                "code": "invalid",
                "request_id": "7f1b0c52d9f84f0f9a6f0a3f5d3b2c11",
                "errors": [
                    {
                        "pointer": "/amount",
                        "field": "amount",
                        "detail": 'El monto se envía como texto, como "1234.56".',
                        "code": "amount",
                    }
                ],
            },
        },
    ],
    "created": 1,
    "stored": 0,
    "refused": 1,
}
SHEET = f"id,transaction_id,status\r\n{ID},HIS-2026-100124000,COMPLETED\r\n"
STATUS: Sample = {
    "id": ID,
    "transaction_id": "HIS-2026-100124000",
    "status": "COMPLETED",
    "synced": True,
    "checked_at": "2026-11-24T13:05:12.118204Z",
    "next_check_at": None,
    "reasons": TRANSACTION["reasons"],
}
EVENTS: Sample = {
    "items": [
        {
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "transaction_id": ID,
            "old_status": None,
            "new_status": "IN_PROGRESS",
            "reason": None,
            "actor_type": "USER",
            "actor_id": "c56a4180-65aa-42ec-a945-5fd21dec0538",
            "key_id": None,
            "key_name": None,
            "metadata": {"version": 1},
            "created_at": "2026-11-24T13:05:11.402913Z",
        }
    ]
}
USER: Sample = {
    "id": "c56a4180-65aa-42ec-a945-5fd21dec0538",
    "email": "his@clinica.com",
    "full_name": "Sistema HIS",
    "role": "integrator",
    "is_active": True,
    "permissions": ["transaction:create", "transaction:read", "transaction:update"],
}
TOKENS: Sample = {
    "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJjNTZhNDE4MCJ9.c2lnbmF0dXJl",
    "token_type": "bearer",
    "expires_in": 1800,
    "refresh_token": "q1Zc0m8n3v5y7b9d2f4h6k8p0s2u4w6z",
}

NEW_USER: Sample = {
    "email": "caja2@clinica.com",
    "password": "una frase larga y propia",
    "full_name": "Carmen Rondón",
    "role": "cashier",
}
USER_CHANGES: Sample = {"role": "supervisor"}
USER_DETAIL: Sample = {
    **USER,
    "national_id": None,
    "phone_number": None,
    "last_seen_at": "2026-11-24T13:05:11.402913Z",
    "created_at": "2026-03-02T12:00:00Z",
    "updated_at": "2026-03-02T12:00:00Z",
}
USERS: Sample = {"items": [USER_DETAIL], "total": 1, "page": 1, "size": 20, "pages": 1}
WANTED_KEY: Sample = {
    "name": "HIS, servidor 2",
    "permissions": ["transaction:create", "transaction:read"],
    "expires_in_days": 365,
}
KEY: Sample = {
    "id": "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d",
    "name": "HIS, servidor 2",
    "prefix": "amp_4f8a1c2e9b",
    "permissions": ["transaction:create", "transaction:read"],
    "permissions_in_force": ["transaction:create", "transaction:read"],
    "expires_at": "2027-11-24T13:05:11.402913Z",
    "last_used_at": None,
    "revoked_at": None,
    "created_by": "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    "created_at": "2026-11-24T13:05:11.402913Z",
}
NEW_KEY: Sample = {**KEY, "key": "amp_4f8a1c2e9b_shown-this-once-keep-it-like-a-password"}
NEW_WEBHOOK: Sample = {
    "url": "https://his.clinica.com/pagos",
    "events": ["transaction.completed", "transaction.to_review"],
    "description": "HIS",
}
WEBHOOK_CHANGES: Sample = {"is_active": False}
WEBHOOK: Sample = {
    "id": "6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b",
    **NEW_WEBHOOK,
    "owner_id": USER["id"],
    "is_active": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": None,
    "previous_secret_expires_at": None,
    "created_at": "2026-11-24T13:00:00Z",
}
WEBHOOK_WITH_SECRET: Sample = {**WEBHOOK, "secret": "whsec_c2hvd24gdGhpcyBvbmNlLCBrZWVwIGl0"}
DELIVERY: Sample = {
    "id": "3f333df6-90a4-4fda-8dd3-9485d27cee36",
    "type": "webhook.test",
    "status": "delivered",
    "attempts": 1,
    "next_attempt_at": None,
    "delivered_at": "2026-11-24T13:00:03Z",
    "gave_up_at": None,
    "created_at": "2026-11-24T13:00:02Z",
    "payload": {"type": "webhook.test", "timestamp": "2026-11-24T13:00:02+00:00", "data": {}},
}
DELIVERIES: Sample = {"items": [DELIVERY], "total": 1, "page": 1, "size": 20, "pages": 1}
DELIVERY_WITH_ATTEMPTS: Sample = {
    **DELIVERY,
    "log": [
        {
            "attempted_at": "2026-11-24T13:00:03Z",
            "delivered": True,
            "http_status": 204,
            "failure": None,
            "latency_ms": 87,
        }
    ],
}
