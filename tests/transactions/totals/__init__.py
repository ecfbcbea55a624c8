"""The kept totals of payments."""
