"""A capability from outside the package: points of a loyalty card become a column, a table and a section."""
