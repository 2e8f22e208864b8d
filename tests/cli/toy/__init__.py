"""A capability outside the package, with commands and words of its own."""
