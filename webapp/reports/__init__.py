"""What the day looks like: figures read from the same rows that everybody else reads."""
