"""Limits on attempts to sign in and on requests, exact over all processes."""
