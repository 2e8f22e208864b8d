"""A capability that takes column, table and key of another."""
