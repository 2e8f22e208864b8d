"""The only room that reads or writes tables: places, pinned inputs, idempotent writes and the run ledger."""
