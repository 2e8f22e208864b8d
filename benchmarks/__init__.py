"""How long a full run takes, next to the bare group-by, the tutorial pipeline and DuckDB, on the same files."""
