"""What banks answer. It owns no payment: it is asked about a claim (what was declared) and returns what the bank shows."""
