"""A capability with a command that another one has."""
