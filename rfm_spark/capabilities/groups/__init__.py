"""How two groups of customers differ in what they do."""
