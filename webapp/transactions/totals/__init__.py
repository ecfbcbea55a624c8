"""How many payments there are and what they add up to: kept with every change, never counted row by row.

Triggers append to `transaction_total_changes` in the commit that changes a payment, so that no two desks wait for one row. Now
and then the changes are folded into `transaction_totals`, by day, month, year and for all time. A total is what was folded plus
what was not yet, read by one statement.
"""
