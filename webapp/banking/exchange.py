"""What every call to the bank sends, and the reply as it came; no network here (pure)."""

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
        """Return the body as a JSON object. Raises BankUnreadable for other content or content types."""
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
        """The seconds of the Retry-After header, which may be a number or a date (RFC 9110)."""
        return parse_retry_after(self.headers.get("Retry-After"))


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
