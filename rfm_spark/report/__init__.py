"""The report of a run, one HTML file: the page, its parts, and how data are read; sections are in the capabilities."""
