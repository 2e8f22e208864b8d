"""Transactions become measures of customers and orders, and every row is accounted for; scores are made in `rfm`."""
