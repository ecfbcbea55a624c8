"""The heart: payments that were declared, what the bank shows of them, and what follows from it."""
