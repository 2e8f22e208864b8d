"""Rule maps name segments, and each customer's row is written; who moved since the last run is told in `movement`."""
