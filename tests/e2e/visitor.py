"""A person with a browser that knows only HTML: signs in and sends forms over real HTTP."""

from __future__ import annotations

import itertools
import re
from html import unescape
from typing import Any

import requests

from tests.e2e.processes import wait_until
from webapp.development.demo import DEMO_PASSWORD

_numbers = itertools.count(0)


def reference(family: int) -> str:
    """Return a reference of a family of the sandbox that no other test used; its tail is the amount."""
    return f"{family}{200_000 + next(_numbers):06d}"


def amount_of(reference: str) -> str:
    """Return the amount that the sandbox shows for a reference of nine digits, as a cashier types it."""
    return f"{int(reference[3:]) // 100},{int(reference[3:]) % 100:02d}"


def words(source: str) -> str:
    """Return the text that a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", source)).split())


class Visitor:
    """One person, signed in."""

    def __init__(self, base: str, email: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.session.headers["Accept-Language"] = "es-VE"
        self.session.headers["Referer"] = (
            base  # Over https a form is taken from this site's pages only.
        )
        answer = self.send("/login", {"email": email, "password": DEMO_PASSWORD})
        assert answer.status_code == 303, words(answer.text)

    def get(self, path: str) -> requests.Response:
        return self.session.get(f"{self.base}{path}", timeout=60, allow_redirects=False)

    def hidden(self, path: str) -> dict[str, str]:
        """Return the hidden fields of a page's forms; of each name the first."""
        found: dict[str, str] = {}
        for tag in re.findall(r"<input\b[^>]*>", self.get(path).text):
            given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
            if given.get("type") == "hidden":
                found.setdefault(given["name"], unescape(given.get("value", "")))
        return found

    def send(
        self, path: str, data: dict[str, Any], *, form: str | None = None
    ) -> requests.Response:
        """Fill in the form of the page `form` (or of `path`) and send it to `path`."""
        return self.post(path, {**self.hidden(form or path), **data})

    def post(self, path: str, data: dict[str, Any]) -> requests.Response:
        """Send exactly these fields."""
        return self.session.post(f"{self.base}{path}", data=data, timeout=60, allow_redirects=False)

    def payment(self, reference: str, **changes: str) -> dict[str, str]:
        """Return what is typed for a payment that fits what the bank shows."""
        return {
            "bank": "MOBILE_TRANSFER",
            "reference": reference,
            "amount": amount_of(reference),
            "payer_bank": "0102",
            "full_name": "Rosa Elena Villegas",
            "national_id": "V-9.876.543",
            "phone": "0414-1234567",
            "concept": "Consulta",
            "transaction_type": "TRANSACTION",
            **changes,
        }

    def log(self, reference: str, **changes: str) -> str:
        """Log a payment; returns the path of its page."""
        answer = self.send("/transactions/new", self.payment(reference, **changes))
        assert answer.status_code == 303, words(answer.text)
        return str(answer.headers["Location"])

    def review(self, path: str, decision: str, reason: str) -> requests.Response:
        return self.send(f"{path}/review", {"decision": decision, "reason": reason}, form=path)

    def status(self, path: str) -> str:
        """Return the status in words, as the payment's page shows it."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.status_code
        heading = re.search(r'id="status-heading".*?</span>(.*?)</h2>', answer.text, re.DOTALL)
        assert heading
        return words(heading[1])

    def sees(self, path: str, status: str, *, seconds: float = 30) -> str:
        """Reload until the payment has this status; returns what the page then says."""
        wait_until(
            lambda: self.status(path) == status,
            seconds=seconds,
            every=0.4,
            describe=f"{path} is «{status}» (it is «{self.status(path)}»)",
        )
        return words(self.get(path).text)
