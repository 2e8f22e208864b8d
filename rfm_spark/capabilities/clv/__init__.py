"""Customer lifetime value: how often customers will order, for how much, and who is still one."""
