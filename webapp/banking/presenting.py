"""One call to the bank as pages show it: in words, with the evidence as indented JSON."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.banking import wording
from webapp.banking.models import BankCall
from webapp.kernel.i18n import gettext as _


@dataclass(frozen=True)
class ShownCall:
    """A call in words."""

    id: uuid.UUID
    transaction_row: uuid.UUID | None
    at: datetime
    operation: str
    outcome: str
    outcome_value: str
    icon: str
    environment: str
    dialect: str
    http_status: str
    bank_code: str
    latency: str
    detail: str
    digest: str
    request: str
    response: str
    """Empty where no reply was kept."""


def shown(call: BankCall) -> ShownCall:
    """Return the call in words."""
    return ShownCall(
        id=call.id,
        transaction_row=call.transaction_id,
        at=call.requested_at,
        operation=wording.operation(call.operation),
        outcome=wording.outcome(call.outcome),
        outcome_value=call.outcome or "unfinished",
        icon=wording.outcome_icon(call.outcome),
        environment=wording.environment(call.environment),
        dialect=wording.dialect(call.dialect),
        http_status=str(call.http_status) if call.http_status else "—",
        bank_code=call.bank_code or "—",
        latency="—" if call.latency_ms is None else _("%(count)s ms", count=call.latency_ms),
        detail=call.detail or "",
        digest=call.digest or "",
        request=_indented(call.request),
        response="" if call.response is None else _indented(call.response),
    )


def _indented(evidence: Any) -> str:
    return json.dumps(evidence, ensure_ascii=False, indent=2)
