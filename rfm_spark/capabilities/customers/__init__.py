"""Records of customers: who is known by a day, and what parts them, such as their country."""
