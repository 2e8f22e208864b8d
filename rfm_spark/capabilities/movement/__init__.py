"""Who moved between two runs and why, counted and listed; how distributions changed is told in `drift`."""
