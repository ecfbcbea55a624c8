"""Invented people and payments to try the product with; never in production."""

from __future__ import annotations

from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class DemoPayment:
    """An invented payment, and the demo cashier who logs it."""

    cashier: str
    reference: str
    amount: str
    full_name: str
    national_id: str
    phone: str
    concept: str

    def details(self) -> Details:
        """Return what the cashier declares."""
        return Details(
            bank=BankType.MOBILE_TRANSFER,
            reference=self.reference,
            amount=Decimal(self.amount),
            full_name=self.full_name,
            national_id=self.national_id,
            phone=self.phone,
            concept=self.concept,
        )


# fmt: off
# The sandbox answers by the reference (docs/sandbox.md): 100… approved, 200… another amount, 600… never appears.
DEMO_PAYMENTS = [
    DemoPayment("cajera@demo.test", "100124000", "1240.00", "Rosa Elena Villegas", "V9876543", "04141234567", "Consulta"),
    DemoPayment("cajera@demo.test", "100085000", "850.00", "José Gregorio Peña", "V14555666", "04121112233", "Laboratorio"),
    DemoPayment("cajero@demo.test", "200045000", "450.00", "María D'Angelo", "E84123456", "04245556677", "Ecografía"),
    DemoPayment("cajero@demo.test", "600032000", "320.00", "Ñusta Pérez-López", "V20111222", "04167778899", "Consulta"),
]
# fmt: on


def load(*, bank: BankConnection) -> str:
    """Create the people and payments that are missing; returns in a sentence what was done."""
    people = sum(_create_person(*person) for person in DEMO_PEOPLE)
    payments = sum(_log_payment(bank, payment) for payment in DEMO_PAYMENTS) if people else 0
    return f"{people} people and {payments} payments created"


def _create_person(email: str, name: str, role: str, password: str) -> bool:
    if account_queries.user_by_email(email):
        return False
    accounts.create_user(email=email, full_name=name, password=password, role=Role(role))
    return True


def _log_payment(bank: BankConnection, payment: DemoPayment) -> bool:
    cashier = account_queries.user_by_email(payment.cashier)
    if cashier is None:
        return False
    details = payment.details()
    if _settings().banesco_api == "confirmation":
        details = _by_its_tail(details)
    try:
        transactions.log(
            actor=cashier.as_actor(),
            details=details,
            transaction_id=None,
            submission_key=f"demo{payment.reference}",
            bank_environment=bank.policy.environment,
            receiving_account=bank.receiving_account(details.bank, details.payer_bank),
        )
    except Conflict:
        return False
    return True


def _by_its_tail(details: Details) -> Details:
    """Return the same payment for the dialect `confirmation`: six digits, of which three spell the amount."""
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
