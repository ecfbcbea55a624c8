"""/api/v1/transactions: payments, one or many, their decisions and their exports."""
