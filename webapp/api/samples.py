"""Examples of what is sent and answered, as the contract shows them; a test holds them to their schemas."""

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
    "version": 2,
    "created_at": "2026-11-24T13:05:11.402913Z",
    "updated_at": "2026-11-24T13:05:12.118204Z",
}
PAGE: Sample = {"items": [TRANSACTION], "total": 1, "page": 1, "size": 20, "pages": 1}
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
            "metadata": {},
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
