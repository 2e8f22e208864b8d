"""How rows of any source are read: mapping, ids, presets, checks, verdicts; what they mean is for the capabilities."""
