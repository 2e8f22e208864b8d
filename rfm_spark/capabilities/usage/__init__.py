"""Customers who are measured by what they use and pay for by the month, instead of what they order."""
