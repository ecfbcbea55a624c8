"""Every table of the application in one place, for migrations and tests."""

from webapp.accounts.models import (
    AccountEvent,
    ApiKey,
    PermissionRow,
    RefreshToken,
    User,
    UserPermission,
    UserSession,
)
from webapp.banking.models import BankCall, BankHealth
from webapp.idempotency.models import IdempotencyKey
from webapp.kernel.database import Base
from webapp.throttling.models import RateLimit
from webapp.transactions.models import Transaction, TransactionEvent
from webapp.transactions.totals.models import (
    TransactionName,
    TransactionNameMonth,
    TransactionNameTotal,
    TransactionSum,
    TransactionTotal,
    TransactionTotalChange,
)
from webapp.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

__all__ = [
    "AccountEvent",
    "ApiKey",
    "BankCall",
    "BankHealth",
    "Base",
    "IdempotencyKey",
    "PermissionRow",
    "RateLimit",
    "RefreshToken",
    "Transaction",
    "TransactionEvent",
    "TransactionName",
    "TransactionNameMonth",
    "TransactionNameTotal",
    "TransactionSum",
    "TransactionTotal",
    "TransactionTotalChange",
    "User",
    "UserPermission",
    "UserSession",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
