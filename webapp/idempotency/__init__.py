"""Idempotency keys of programs' requests, and the answers that are kept under them."""
