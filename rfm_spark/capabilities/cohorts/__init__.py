"""Customers who began in the same month or week, and what became of them since."""
