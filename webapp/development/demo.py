"""Invented people and payments to try the product with; never in production."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from flask import current_app

from webapp.accounts import queries as account_queries
from webapp.accounts import service as accounts
from webapp.banking.connection import BankConnection
from webapp.banking.gateway import BankType
from webapp.kernel import clock
from webapp.kernel.config import Settings
from webapp.kernel.errors import Conflict
from webapp.kernel.permissions import Role
from webapp.transactions import service as transactions
from webapp.transactions.declaration import Details

DEMO_PASSWORD = "demo-pagos-2026"  # noqa: S105
DEMO_PEOPLE = [
    ("cajera@demo.test", "Carmen Rondón", Role.CASHIER.value, DEMO_PASSWORD),
    ("cajero@demo.test", "Luis Alfonzo", Role.CASHIER.value, DEMO_PASSWORD),
    ("supervisora@demo.test", "Beatriz Márquez", Role.SUPERVISOR.value, DEMO_PASSWORD),
    ("admin@demo.test", "Andrés Ibarra", Role.ADMIN.value, DEMO_PASSWORD),
    ("integrador@demo.test", "Sistema HIS", Role.INTEGRATOR.value, DEMO_PASSWORD),
]

# The sandbox answers by the reference (docs/sandbox.md): 100… approved, 200… another amount, 600… never appears.
_PAYMENTS = [
    (
        "cajera@demo.test",
        "100124000",
        "1240.00",
        "Rosa Elena Villegas",
        "V9876543",
        "04141234567",
        "Consulta",
    ),
    (
        "cajera@demo.test",
        "100085000",
        "850.00",
        "José Gregorio Peña",
        "V14555666",
        "04121112233",
        "Laboratorio",
    ),
    (
        "cajero@demo.test",
        "200045000",
        "450.00",
        "María D'Angelo",
        "E84123456",
        "04245556677",
        "Ecografía",
    ),
    (
        "cajero@demo.test",
        "600032000",
        "320.00",
        "Ñusta Pérez-López",
        "V20111222",
        "04167778899",
        "Consulta",
    ),
]


def load(*, bank: BankConnection) -> str:
    """Create what is missing; returns what was done, in a sentence."""
    people = sum(_person(*person) for person in DEMO_PEOPLE)
    payments = sum(_payment(bank, *payment) for payment in _PAYMENTS) if people else 0
    return f"{people} people and {payments} payments created"


def _person(email: str, name: str, role: str, password: str) -> bool:
    if account_queries.user_by_email(email):
        return False
    accounts.create_user(email=email, full_name=name, password=password, role=Role(role))
    return True


def _payment(
    bank: BankConnection,
    email: str,
    reference: str,
    amount: str,
    name: str,
    national_id: str,
    phone: str,
    concept: str,
) -> bool:
    cashier = account_queries.user_by_email(email)
    if cashier is None:
        return False
    details = Details(
        bank=BankType.MOBILE_TRANSFER,
        reference=reference,
        amount=Decimal(amount),
        full_name=name,
        national_id=national_id,
        phone=phone,
        concept=concept,
    )
    if _settings().banesco_api == "confirmation":
        details = _by_its_tail(details)
    try:
        transactions.log(
            actor=cashier.as_actor(),
            details=details,
            transaction_id=None,
            submission_key=f"demo{reference}",
            bank_environment=bank.policy.environment,
            receiving_account=bank.receiving_account(details.bank, details.payer_bank),
        )
    except Conflict:
        return False
    return True


def _by_its_tail(details: Details) -> Details:
    """The same payment in the dialect `confirmation`: six digits, of which three spell the amount."""
    tail = details.reference[:6]
    return replace(
        details,
        reference=tail,
        amount=Decimal(tail[3:]),
        payer_bank="0102",
        operation_date=clock.today(),
    )


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
