"""Rows are read the same by a client of Spark Connect: the tests of intake once more, over a server of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.effort import FULL

ROOT = Path(__file__).parents[1]
# Without `make proofs` those that differ between a plan of now and a plan of later.
SHORT = ("test_bad_values.py", "test_lines.py", "test_where.py")


def test_intake_over_spark_connect() -> None:
    files = ["tests/intake"] if FULL else [f"tests/intake/{name}" for name in SHORT]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT, env={**alone, "RFM_SPARK_CONNECT": "1"}, capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout
    assert len(re.findall(r"^[.]+", done.stdout, flags=re.MULTILINE)[0]) >= 10
