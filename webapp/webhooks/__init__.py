"""Webhooks: endpoints of other programs, the messages that wait to be sent to them, and how each attempt ended."""
