"""The supervisor's queue; the rules of deciding stay in `transactions`."""
