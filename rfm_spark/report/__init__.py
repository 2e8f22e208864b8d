"""The report of a run: one HTML file that a person can read offline, print and forward."""
