"""The command line: `rfm-spark …`, and the same options for `jobs/`."""
