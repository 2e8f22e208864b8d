"""What runs of any size should take on a cluster, from the rates of a benchmark: a calculation, not a measurement."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import names
from benchmarks.figures import from_json
from benchmarks.job import CORES
from benchmarks.ours import INTAKE_AND_MEASURES
from benchmarks.summary import Row, laid_out
from benchmarks.targets import Figures

LATEST = Path(__file__).parent / "latest.json"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """What does the work, and what it costs.

    Attributes:
        cores: of all executors.
        efficiency: share of their time that tasks keep them at work, 0 to 1.
        price: of a core for an hour.
    """

    cores: int
    efficiency: float
    price: float


def core_seconds(row: Row, lines: int, customers: int) -> dict[str, float]:
    """Seconds of one core for each step of a run as that of a row.

    New lines and measures cost by the lines of the source, of which a night takes in the same share; all else costs by
    the customers.

    Args:
        row: a run that was measured on `CORES` cores.
        lines: of the source.
        customers: of the population.
    """
    by_lines, by_customers = lines / row.shape.lines, customers / row.shape.customers
    return {
        step: seconds * CORES * (by_lines if step in INTAKE_AND_MEASURES else by_customers)
        for step, seconds in row.steps.items()
    }


def estimate(figures: Figures, lines: int, customers: int, cluster: Cluster) -> str:
    """A table: core hours of each step of a first run and of a night, and what both take and cost."""
    runs = {title: figures.named(name) for title, name in (("first run", names.FIRST), ("a night", names.THE_NIGHT))}
    known = {
        title: core_seconds(row, lines, customers)
        for title, row in runs.items() if row is not None
    }  # fmt: skip
    steps = list(dict.fromkeys(step for costs in known.values() for step in costs))
    rows = [["core hours", *known]]
    rows += [[step, *(f"{costs.get(step, 0.0) / 3600:,.2f}" for costs in known.values())] for step in steps]
    hours = [sum(costs.values()) / 3600 for costs in known.values()]
    rows.append(["together", *(f"{one:,.1f}" for one in hours)])
    rows.append(["minutes", *(f"{one * 60 / cluster.cores / cluster.efficiency:,.1f}" for one in hours)])
    rows.append(["price", *(f"{one / cluster.efficiency * cluster.price:,.2f}" for one in hours)])
    return laid_out(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table for lines, customers and a cluster."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="?", type=Path, default=LATEST)
    parser.add_argument("--lines", type=int, default=10_000_000_000)
    parser.add_argument("--customers", type=int, default=500_000_000)
    parser.add_argument("--cores", type=int, default=512)
    parser.add_argument("--efficiency", type=float, default=0.5)
    parser.add_argument("--price", type=float, default=0.07, help="of a core for an hour")
    options = parser.parse_args(arguments)
    figures = from_json(json.loads(options.figures.read_text(encoding="utf-8")))
    print(
        estimate(figures, options.lines, options.customers, Cluster(options.cores, options.efficiency, options.price))
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
