"""Requests that programs may send again: keys, and the answers kept for them."""
