"""Web, app and other events become sessions, rates and intent of customers; messages are read in `engagement`."""
