"""What it says of two runs."""

from __future__ import annotations

from rfm_spark.core.comparison import ComparedRuns
from rfm_spark.core.desk import Desk


def print_toy(pair: ComparedRuns, desk: Desk) -> None:
    desk.heading("Toys")
    print(f"{pair.before.run_id}, {pair.now.run_id}")


COMPARE = (print_toy,)
