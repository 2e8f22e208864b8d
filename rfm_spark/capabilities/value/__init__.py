"""What customers and segments are worth, what of it may be lost, and what a change of theirs would bring."""
