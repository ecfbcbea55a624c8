"""Every table of the application in one place, for migrations and tests."""

from webapp.accounts.models import PermissionRow, User, UserPermission, UserSession
from webapp.banking.models import BankCall, BankHealth
from webapp.database import Base
from webapp.kernel_models import IdempotencyKey, RateLimit
from webapp.transactions.models import Transaction, TransactionEvent

__all__ = [
    "BankCall",
    "BankHealth",
    "Base",
    "IdempotencyKey",
    "PermissionRow",
    "RateLimit",
    "Transaction",
    "TransactionEvent",
    "User",
    "UserPermission",
    "UserSession",
]
