"""A capability outside the package: visits to a shop, counted."""
