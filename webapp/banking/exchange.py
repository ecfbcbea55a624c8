"""What a call to the bank sends always, and what comes back: no network here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp.banking.gateway import BankUnreadable
from webapp.kernel.retry_after import parse_retry_after

ACCEPT = {"Accept": "application/json"}
"""Sent with every call."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises BankUnreadable for anything else, or called anything else."""
        kind = self.headers.get("Content-Type", "json").partition(";")[0].strip().lower()
        if "json" not in kind:
            raise BankUnreadable("the answer does not call itself JSON")
        try:
            content = json.loads(self.body, parse_float=str, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise BankUnreadable("the answer is not JSON") from None
        if not isinstance(content, dict):
            raise BankUnreadable("the answer is not a JSON object")
        return content

    @property
    def retry_after(self) -> float | None:
        """Seconds of the Retry-After header, given as a number or as a date."""
        return parse_retry_after(self.headers.get("Retry-After"))


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
