"""Runs the bank's test data through the product and writes down what happened (ERD 7.3)."""
