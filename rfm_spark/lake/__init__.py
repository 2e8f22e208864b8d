"""The only room that reads or writes tables: locations, pins, writes, the ledger; what rows mean is elsewhere."""
