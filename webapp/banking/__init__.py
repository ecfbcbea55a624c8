"""What banks answer. Owns no payment: it is asked about a claim and says what it saw."""
