"""The bank's store of movements: in memory, filled at the start, changed by the admin endpoints."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from webapp.banking.sandbox import form_values
from webapp.banking.sandbox.clock import BankClock

BANESCO = "0134"
TRANSACTION_TYPES = ("TRANSACTION", "COMMISSION", "OTHER")
DIRECTIONS = ("CR", "DB")
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of the clinic's account. A field that is None is unknown, and any value fits it.

    `status` is the bank's word in the dialect `status`, `bank_code` its code in `confirmation`.
    `phone` is the payer's, 11 digits (04…); the bank shows the movement from `appears_at` on.
    """

    reference: str
    amount: Decimal
    date: date
    id: int = 0
    key: str | None = None
    currency: str = "VES"
    status: str = "approved"
    time: str = "10:30:00"
    concept: str = "Pago recibido"
    phone: str | None = None
    national_id: str | None = None
    transaction_type: str = "TRANSACTION"
    direction: str = "CR"
    account: str | None = None
    payer_bank: str = BANESCO
    bank_code: str = "200"
    appears_at: datetime | None = None

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return the movement as /admin/movements shows it."""
        return {
            "id": self.id,
            "key": self.key,
            "reference": self.reference,
            "amount": str(self.amount),
            "currency": self.currency,
            "status": self.status,
            "date": self.date.isoformat(),
            "time": self.time,
            "concept": self.concept,
            "phone": self.phone,
            "national_id": self.national_id,
            "transaction_type": self.transaction_type,
            "direction": self.direction,
            "account": self.account,
            "payer_bank": self.payer_bank,
            "bank_code": self.bank_code,
            "visible": self.visible(now),
        }

    def visible(self, now: datetime) -> bool:
        """Return whether the bank shows the movement already."""
        return self.appears_at is None or self.appears_at <= now


FIELDS = (
    *("key", "reference", "amount", "currency", "status", "date", "time", "concept", "phone"),
    *("national_id", "transaction_type", "direction", "account", "payer_bank", "bank_code"),
    "appears_after",
)


def read_movement(payload: Mapping[str, Any], clock: BankClock) -> Movement:
    """Read a movement that was sent to an admin endpoint. Raises BadInput."""
    form_values.only(payload, FIELDS)
    key = form_values.text(payload, "key")
    reference = form_values.digits(payload, "reference", 4, 20) or _trailing_digits(key)
    if reference is None:
        raise form_values.BadInput(
            "Falta reference (de 4 a 20 dígitos) o una key que termine en ella."
        )
    phone = form_values.digits(payload, "phone", 11, 12)
    transaction_type = form_values.choice(
        payload, "transaction_type", TRANSACTION_TYPES, "TRANSACTION"
    )
    appears_after = form_values.seconds(payload, "appears_after")
    return Movement(
        reference=reference,
        key=key,
        amount=form_values.amount(payload, "amount"),
        date=form_values.day(payload, "date", clock.today()),
        currency=form_values.text(payload, "currency") or "VES",
        status=form_values.text(payload, "status") or "approved",
        time=form_values.text(payload, "time") or "10:30:00",
        concept=form_values.text(payload, "concept") or "Pago recibido",
        phone=None if phone is None else local_phone(phone),
        national_id=form_values.text(payload, "national_id"),
        transaction_type=transaction_type,
        direction=form_values.choice(
            payload, "direction", DIRECTIONS, "DB" if transaction_type == "COMMISSION" else "CR"
        ),
        account=form_values.digits(payload, "account", 20, 20),
        payer_bank=form_values.digits(payload, "payer_bank", 4, 4) or BANESCO,
        bank_code=form_values.text(payload, "bank_code") or "200",
        appears_at=None
        if appears_after is None
        else clock.now() + timedelta(seconds=appears_after),
    )


def local_phone(phone: str) -> str:
    """Return 584141234567 as 04141234567: a movement is found under both spellings."""
    return f"0{phone[2:]}" if len(phone) == 12 and phone.startswith("58") else phone


def _trailing_digits(key: str | None) -> str | None:
    if key is None:
        return None
    tail = key[len(key.rstrip("0123456789")) :]
    return tail[-20:] if len(tail) >= 4 else None


def seeds(today: date) -> list[Movement]:
    """Return the movements of the start; none of their references belongs to a family."""
    return [
        Movement(
            reference="045678901",
            amount=Decimal("2450.75"),
            date=today,
            concept="Consulta médica",
            phone="04141234567",
            national_id="V12345678",
        ),
        # ERD 2.4, the bank's answer: a movement and its commission may share a reference.
        Movement(
            reference="045678901",
            amount=Decimal("3.68"),
            date=today,
            concept="Comisión",
            transaction_type="COMMISSION",
            direction="DB",
        ),
        Movement(
            reference="046000123",
            key="HIS-DEMO-1",
            amount=Decimal("180.00"),
            date=today,
            status="completed",
            concept="Laboratorio",
        ),
        Movement(reference="047000777", amount=Decimal("99.99"), date=today, status="rejected"),
        Movement(
            reference="000000778899",
            amount=Decimal("640.00"),
            date=today,
            concept="Pago Movil",
            phone="04121234567",
            payer_bank="0102",
        ),
    ]


class MovementStore:
    """The movements, newest last; threads may share it."""

    def __init__(self, clock: BankClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._movements: dict[int, Movement] = {}
        self._last = 0
        self.reset()

    def add(self, movement: Movement) -> Movement:
        """Store a movement and give it its number. Raises BadInput where the store is full."""
        with self._lock:
            if len(self._movements) >= MOST_KEPT:
                raise form_values.BadInput(
                    f"El banco de pruebas guarda como máximo {MOST_KEPT} movimientos."
                )
            self._last += 1
            kept = replace(movement, id=self._last)
            self._movements[kept.id] = kept
        return kept

    def remove(self, movement_id: int) -> bool:
        """Remove one movement; return whether there was one with that number."""
        with self._lock:
            return self._movements.pop(movement_id, None) is not None

    def all(self) -> list[Movement]:
        """Return every movement, those not visible yet included."""
        with self._lock:
            return list(self._movements.values())

    def known(self, key: str) -> list[Movement]:
        """Return every movement with this very key or reference, visible or not, the best answer first.

        A key goes before a reference, a payment before its commission, the newest before older ones.
        """
        found = [one for one in self.all() if key in (one.key, one.reference)]
        return sorted(
            found,
            key=lambda one: (one.key != key, one.transaction_type != "TRANSACTION", -one.id),
        )

    def reset(self) -> None:
        """Go back to the movements of the start, dated today."""
        with self._lock:
            self._movements.clear()
            self._last = 0
        for movement in seeds(self._clock.today()):
            self.add(movement)
