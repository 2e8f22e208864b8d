"""The command line: `rfm-spark …` and the same options for `jobs/`, with the commands that concern every capability.

What one capability alone has to say lives in its folder, in `commands.py`, `explain.py` and `comparison.py`.
"""
