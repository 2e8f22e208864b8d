"""The competitors: each gets the same table, does its work once in processes of its own, and gives its timings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benchmarks import clustering, in_memory, names, ours, spark_jobs
from benchmarks.generate import NIGHT
from benchmarks.job import AS_OF, Job, warm_session
from benchmarks.measure import Timing
from benchmarks.shapes import Shape

WITH_NIGHT = "with the night"

Stage = Callable[[Job], list[Timing]]


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the command was asked for.

    Attributes:
        sizes: Lines of the tables.
        years: Lengths of histories to compare.
        lines_a_year: Lines of each of their years.
    """

    sizes: Sequence[int]
    years: Sequence[int]
    lines_a_year: int


def every_size(asked: Asked) -> list[Shape]:
    """The two-year tables that everybody is compared on."""
    return [Shape.of(lines) for lines in asked.sizes]


def skewed(asked: Asked) -> list[Shape]:
    """The same with a customer who has a tenth of all orders."""
    return [dataclasses.replace(shape, skewed=True) for shape in every_size(asked)]


def in_baskets(asked: Asked) -> list[Shape]:
    """As many lines in baskets of ten."""
    return [dataclasses.replace(shape, basket=10) for shape in every_size(asked)]


def histories(asked: Asked) -> list[Shape]:
    """The same last year with more and more before it."""
    return [Shape.history(asked.lines_a_year, years) for years in asked.years]


@dataclasses.dataclass(frozen=True)
class Competitor:
    """Who takes part.

    Attributes:
        stages: One process each, in this order, with one folder for results; those without timings prepare.
        shapes: The tables it works on.
        memory: Spark's driver memory; None for what the command says.
        default: Whether it takes part unasked.
    """

    stages: Sequence[Stage]
    shapes: Callable[[Asked], list[Shape]] = every_size
    memory: str | None = None
    default: bool = True


def first_and_night(first: str, night: str, config: ours.Settings = ours.PLAIN) -> tuple[Stage, ...]:
    """A first run, and the next date with the rows of a night."""
    return (
        ours.copy_source,
        ours.run(first, AS_OF, config),
        ours.append_night,
        ours.run(night, NIGHT, config, WITH_NIGHT),
    )


def _clustering(name: str, job: Job) -> list[Timing]:
    return clustering.WORKS[name](warm_session(name, job), job.table)


COMPETITORS: Mapping[str, Competitor] = {
    "scan": Competitor((spark_jobs.scan,)),
    "groupby": Competitor((spark_jobs.groupby,)),
    "orders": Competitor((spark_jobs.orders,)),
    "tutorial": Competitor((spark_jobs.tutorial,)),
    "duckdb": Competitor((in_memory.tutorial_in_duckdb,)),
    "rfm-spark": Competitor(
        (
            *first_and_night(names.FIRST, names.THE_NIGHT),
            ours.run(names.NEXT, ours.NEXT_DATE, of=WITH_NIGHT),
            ours.run_in_full(names.FULL, ours.FULL_DATE),
            ours.compare_runs(names.COMPARE),
            ours.correct_prices,
            ours.run(names.CORRECTION, ours.CORRECTED, of="with corrected prices"),
        )
    ),
    "backfill": Competitor((ours.copy_source, ours.backfill(names.MONTH_ONE, names.MONTH))),
    "history": Competitor(first_and_night(*names.HISTORY), histories),
    "duckdb-sklearn": Competitor((in_memory.with_duckdb,)),
    "polars-sklearn": Competitor((in_memory.with_polars,)),
    "pandas-sklearn": Competitor((in_memory.with_pandas,)),
    "rfm-spark-clusters": Competitor(
        (
            *first_and_night(names.CLUSTERED_FIRST, names.CLUSTERED_NIGHT, ours.CLUSTERED),
            ours.run(names.CLUSTERED_NEXT, ours.NEXT_DATE, ours.CLUSTERED, WITH_NIGHT),
        )
    ),
    "tutorial-kmeans": Competitor((spark_jobs.tutorial_with_kmeans,)),
    "stages": Competitor(first_and_night(*names.STAGES, ours.STAGED)),
    "scopes": Competitor((ours.write_records, *first_and_night(*names.SCOPES, ours.SCOPED))),
    "small-driver": Competitor(first_and_night(*names.SMALL_DRIVER), memory="2g", default=False),
    "skewed": Competitor(first_and_night(*names.SKEWED), skewed, default=False),
    "baskets": Competitor(first_and_night(*names.BASKETS), in_baskets, default=False),
    **{name: Competitor((partial(_clustering, name),), default=False) for name in clustering.WORKS},
}
