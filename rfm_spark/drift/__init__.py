"""Between two runs: who moved, and why."""
