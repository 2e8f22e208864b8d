"""A client of Spark Connect reads rows and learns models alike: their tests once more, over a server of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.effort import FULL

ROOT = Path(__file__).parents[1]
# Without `make proofs` those that differ between a plan of now and a plan of later.
SHORT = ("intake/test_bad_values.py", "intake/test_lines.py", "intake/test_where.py", "churn/test_learning.py")
LONG = ("intake", "churn/test_learning.py", "churn/test_panel.py", "value/test_sums.py", "clv/test_repeat_money.py")


def test_intake_and_learning_over_spark_connect() -> None:
    files = [f"tests/{name}" for name in (LONG if FULL else SHORT)]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT, env={**alone, "RFM_SPARK_CONNECT": "1"}, capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout
    assert len(re.findall(r"^[.]+", done.stdout, flags=re.MULTILINE)[0]) >= 10
