"""Segments: rule maps that turn scores and measures into one named segment per customer, and their linter."""
