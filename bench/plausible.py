"""Plausible payments of a clinic, in any number, with invented people, copied into a migrated database.

About 274 payments a day, so a million rows are ten years. The same number gives the same rows.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TextIO, cast

import psycopg2
from psycopg2 import extensions

PER_DAY = 274
STATUSES = ("COMPLETED", "CANCELED", "TO_REVIEW", "IN_PROGRESS", "UNKNOWN")
SHARES = (86, 5, 4, 3, 2)
GIVEN_NAMES = (
    "Ana", "Andrés", "Beatriz", "Carlos", "Carmen", "Daniel", "Elena", "Fernando", "Gabriela", "Héctor", "Inés", "Jesús",
    "José", "Juan", "Julia", "Laura", "Lucía", "Luis", "Manuel", "María", "Mario", "Marta", "Miguel", "Nuria", "Óscar",
    "Pablo", "Pedro", "Rafael", "Ramón", "Raquel", "Rosa", "Sara", "Sergio", "Silvia", "Sofía", "Teresa", "Tomás",
    "Valentina", "Verónica", "Víctor", "Yolanda", "Zulay",
)  # fmt: skip
SURNAMES = (
    "Acosta", "Aguilar", "Álvarez", "Arias", "Blanco", "Bravo", "Cabrera", "Castillo", "Contreras", "Delgado", "Díaz",
    "Escalona", "Espinoza", "Fernández", "Flores", "García", "Gil", "Gómez", "González", "Guerra", "Hernández", "Herrera",
    "Jiménez", "León", "López", "Márquez", "Martínez", "Medina", "Méndez", "Mendoza", "Molina", "Morales", "Moreno", "Navas",
    "Núñez", "Ojeda", "Ortega", "Ortiz", "Pacheco", "Paredes", "Peña", "Pérez", "Quintero", "Ramírez", "Rangel", "Reyes",
    "Ríos", "Rivas", "Rodríguez", "Rojas", "Romero", "Salazar", "Sánchez", "Silva", "Sosa", "Suárez", "Torres", "Vargas",
    "Vásquez", "Vera", "Villalobos", "Zambrano",
)  # fmt: skip
PLAIN = str.maketrans("áéíóúñÁÉÍÓÚÑ", "aeiounAEIOUN")
TRANSACTION_COLUMNS = (
    "id", "transaction_id", "id_assigned", "status", "bank", "transaction_type", "reference", "reference_key",
    "customer_full_name", "customer_name_search", "customer_phone", "customer_national_id", "amount", "currency", "payer_bank",
    "operation_date", "bank_environment", "bank_amount", "bank_reference", "metadata", "created_at", "updated_at", "created_by",
    "updated_by", "version", "waiting_since", "reasons",
)  # fmt: skip
EVENT_COLUMNS = (
    "id", "transaction_id", "old_status", "new_status", "actor_type", "actor_id", "metadata", "created_at",
)  # fmt: skip
CALL_COLUMNS = (
    "id", "transaction_id", "subject", "environment", "dialect", "operation", "request", "requested_at", "gives_up_at",
    "completed_at", "outcome", "http_status", "latency_ms", "digest",
)  # fmt: skip
OUTCOMES = ("found", "not_found", "unavailable", "unreadable", "refused", "rate_limited")
OUTCOME_SHARES = (80, 12, 5, 1, 1, 1)
REASONS = {
    "COMPLETED": '[{"code": "MATCHED"}]',
    "TO_REVIEW": '[{"code": "AMOUNT_DIFFERS", "declared": "10.00", "bank": "12.00"}]',
    "IN_PROGRESS": '[{"code": "NOT_FOUND"}]',
    "UNKNOWN": '[{"code": "GAVE_UP", "hours": 72}]',
    "CANCELED": '[{"code": "REFUSED_BY_BANK", "word": "rejected"}]',
}


def load(url: str, rows: int, *, cashiers: list[str], now: datetime | None = None) -> None:
    """Copy `rows` payments with their events, the newest of them logged at `now`, and analyse the tables."""
    connection: extensions.connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as cursor:
            payments = Lines(_payments(rows, cashiers, now or datetime.now(UTC)))
            cursor.copy_expert(_copy("transactions", TRANSACTION_COLUMNS), cast(TextIO, payments))
            events = Lines(_events(rows, cashiers, now or datetime.now(UTC)))
            cursor.copy_expert(_copy("transaction_events", EVENT_COLUMNS), cast(TextIO, events))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE) transactions, transaction_events")
    finally:
        connection.close()


def load_calls(url: str, calls: int, *, payments: int, now: datetime | None = None) -> None:
    """Copy `calls` ended calls to the bank about these payments, and analyse the table."""
    connection: extensions.connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as cursor:
            lines = Lines(_calls(calls, payments, now or datetime.now(UTC)))
            cursor.copy_expert(_copy("bank_calls", CALL_COLUMNS), cast(TextIO, lines))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE) bank_calls, users")
    finally:
        connection.close()


class Lines:
    """Tab-separated lines, as the file that COPY reads: psycopg2 asks it for `read` only."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def read(self, size: int = 65_536, /) -> str:
        """Return about `size` characters, whole lines only; nothing at the end."""
        taken: list[str] = []
        length = 0
        for line in self._lines:
            taken.append(line)
            length += len(line)
            if length >= size:
                break
        return "".join(taken)


def _copy(table: str, columns: tuple[str, ...]) -> str:
    return f"COPY {table} ({', '.join(columns)}) FROM STDIN"  # text format: tabs and \N


def _moment(number: int, rows: int, now: datetime) -> datetime:
    return now - timedelta(days=(rows - number) / PER_DAY)


def row_id(number: int) -> str:
    """Return the id of the payment with this number (from 1)."""
    return str(uuid.UUID(int=(0xAB << 120) | number))


def _status(dice: random.Random) -> str:
    return dice.choices(STATUSES, SHARES)[0]


def _payments(rows: int, cashiers: list[str], now: datetime) -> Iterator[str]:
    dice = random.Random(rows)
    for number in range(1, rows + 1):
        status = _status(random.Random(number))
        moment = _moment(number, rows, now)
        name = f"{dice.choice(GIVEN_NAMES)} {dice.choice(SURNAMES)} {dice.choice(SURNAMES)}"
        amount = f"{dice.randint(100, 9_999_999) / 100:.2f}"
        bank = dice.choices(("BANESCO", "MOBILE_TRANSFER"), (3, 2))[0]
        kind = dice.choices(("TRANSACTION", "COMMISSION", "OTHER"), (97, 2, 1))[0]
        cashier = dice.choice(cashiers)
        reference = f"{number:09d}"
        verified = status == "COMPLETED"
        values = (
            row_id(number), f"HIS-{number}", "f", status, bank, kind, reference, reference, name,
            name.translate(PLAIN).lower(), f"0414{dice.randint(0, max(rows // 8, 9)):07d}",
            f"V{10_000_000 + dice.randint(0, max(rows // 8, 9))}", amount, "VES", "0134", moment.date().isoformat(), "qa",
            amount if verified else r"\N", reference if verified else r"\N", "{}", moment.isoformat(), moment.isoformat(), cashier,
            cashier, "2", moment.isoformat(), REASONS[status],
        )  # fmt: skip
        yield "\t".join(values) + "\n"


def _events(rows: int, cashiers: list[str], now: datetime) -> Iterator[str]:
    dice = random.Random(rows)
    for number in range(1, rows + 1):
        status = _status(random.Random(number))
        moment = _moment(number, rows, now)
        logged = (r"\N", "IN_PROGRESS", "USER", dice.choice(cashiers), "{}", moment.isoformat())
        settled = (
            "IN_PROGRESS",
            status,
            "SYSTEM",
            r"\N",
            "{}",
            (moment + timedelta(seconds=4)).isoformat(),
        )
        for place, event in enumerate((logged, settled)):
            event_id = str(uuid.UUID(int=(0xCD << 120) | (number * 2 + place)))
            yield "\t".join((event_id, row_id(number), *event)) + "\n"


def _calls(calls: int, payments: int, now: datetime) -> Iterator[str]:
    """Write calls from the oldest to the newest; one in twenty asks for a token, one in ten at the other interface."""
    dice = random.Random(calls)
    for number in range(1, calls + 1):
        about = 1 + (number - 1) * payments // calls
        moment = (_moment(about, payments, now) + timedelta(seconds=2)).isoformat()
        token = number % 20 == 0
        outcome = "token" if token else dice.choices(OUTCOMES, OUTCOME_SHARES)[0]
        values = (
            str(uuid.UUID(int=(0xEF << 120) | number)), r"\N" if token else row_id(about),
            r"\N" if token else f"{about:064x}", "production" if number % 50 == 0 else "qa",
            "confirmation" if number % 10 == 0 else "status", "token" if token else "transaction", '{"reference": "***"}',
            moment, moment, moment, outcome, "200", str(dice.randint(80, 900)), f"{number:064x}",
        )  # fmt: skip
        yield "\t".join(values) + "\n"
