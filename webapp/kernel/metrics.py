"""The metrics of ERD 11.1; the part of the product that does the work counts it."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

REQUEST_COUNT = Counter(
    "http_requests_total", "Total HTTP requests", ["method", "endpoint", "status_code"]
)
REQUEST_DURATION = Histogram(
    "http_request_duration_seconds", "HTTP request duration in seconds", ["method", "endpoint"]
)
TRANSACTION_COUNT = Counter(
    "transactions_total", "Transactions that reached a status", ["status", "bank"]
)
BANESCO_API_CALLS = Counter(
    "banesco_api_calls_total", "Total calls to Banesco API", ["status", "operation"]
)
WEBHOOK_DELIVERIES = Counter(
    "webhook_deliveries_total", "Attempts to deliver webhooks, and deliveries given up", ["outcome"]
)
