"""Exact ranks without a global sort: counts per value, cumulated inside buckets that a sketch laid out.

The sketch (`approxQuantile`) only decides which bucket a value is counted in, so its error, which depends on the
data's layout, never reaches a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.core.session import persisted

BUCKETS = 16
# A percentile's error is at most half of what lies between two kept ranks: 0.05 points.
GRID = 1000


@dataclass(frozen=True)
class Rank:
    """How many rows lie below a value and at it.

    Attributes:
        within: group the ranks are taken in.
        value: the value.
        below: rows strictly below it, of those that shape cuts.
        ties: rows equal to it, of those that shape cuts.
        n: all rows that shape cuts.
        all_below: rows strictly below it, of all rows.
        all_ties: rows equal to it, of all rows.
        all_n: all rows.
    """

    within: str
    value: float
    below: int
    ties: int
    n: int
    all_below: int
    all_ties: int
    all_n: int


@dataclass(frozen=True)
class QuantileRequest:
    """One distribution to take.

    Attributes:
        name: how its ranks are found again.
        value: the measure.
        bins: number of scores, whose cuts are among the kept ranks.
        population: rows that shape cuts.
        within: group in which ranks are taken.
        grid: also keep the ranks percentiles need.
    """

    name: str
    value: Column
    bins: int
    population: Column
    within: Column
    grid: bool = True


def bucket_bounds(frame: DataFrame, columns: Sequence[str], relative_error: float) -> dict[str, list[float]]:
    """Rough quantiles that split each column into buckets of similar size.

    Returns:
        Ascending distinct bounds per column; none for an empty frame.
    """
    probabilities = [step / BUCKETS for step in range(1, BUCKETS)]
    found = frame.approxQuantile(list(columns), probabilities, relative_error)
    return {column: sorted(set(bounds)) for column, bounds in zip(columns, found, strict=True)}


def exact_ranks(
    frame: DataFrame, requests: Sequence[QuantileRequest], bounds: dict[str, list[float]]
) -> dict[str, list[Rank]]:
    """Exact ranks of the values that hold a cut (or a step of the percentile grid).

    Args:
        frame: one row per customer.
        requests: distributions to take.
        bounds: of `bucket_bounds`, per name of a request; any bounds give the same result.

    Returns:
        Per request, ranks by group and ascending value; at most `GRID` + bins of them per group.
    """
    counted = [_counts_per_value(frame, request, bounds.get(request.name, [])) for request in requests]
    with persisted(reduce(DataFrame.unionByName, counted)) as values:
        offsets = _offsets(values)
        if not offsets:
            return {request.name: [] for request in requests}
        found = _ranked(values, offsets, requests).collect()
    ranks: dict[str, list[Rank]] = {request.name: [] for request in requests}
    for name, *rank in found:
        ranks[name].append(Rank(*rank))
    return {name: sorted(kept, key=lambda rank: (rank.within, rank.value)) for name, kept in ranks.items()}


def _counts_per_value(frame: DataFrame, request: QuantileRequest, bounds: Sequence[float]) -> DataFrame:
    counted = frame.groupBy(request.within.alias("within"), request.value.cast("double").alias("value")).agg(
        F.count(F.when(request.population, 1)).alias("ties"), F.count(F.lit(1)).alias("all_ties")
    )
    # A missing value lies in no bucket; it belongs to no population either.
    above = [F.coalesce((F.col("value") > F.lit(bound)).cast("int"), F.lit(0)) for bound in bounds]
    return counted.select(
        F.lit(request.name).alias("name"), "*", reduce(Column.__add__, above, F.lit(0)).alias("bucket")
    )


def _offsets(values: DataFrame) -> list[tuple[str, str, int, int, int, int, int]]:
    """Rows before each bucket and in its whole group: a few rows per group, so they are added up on the driver."""
    keys = ("name", "within", "bucket")
    rows = sorted(values.groupBy(*keys).agg(F.sum("ties"), F.sum("all_ties")).collect())
    offsets = []
    for (name, within), group in groupby(rows, key=lambda row: (row[0], row[1])):
        buckets = list(group)
        n, all_n = sum(row[3] for row in buckets), sum(row[4] for row in buckets)
        before, all_before = 0, 0
        for row in buckets:
            offsets.append((name, within, row[2], before, all_before, n, all_n))
            before, all_before = before + row[3], all_before + row[4]
    return offsets


def _ranked(
    values: DataFrame, offsets: list[tuple[str, str, int, int, int, int, int]], requests: Sequence[QuantileRequest]
) -> DataFrame:
    schema = "name string, within string, bucket int, before bigint, all_before bigint, n bigint, all_n bigint"
    known = values.sparkSession.createDataFrame(offsets, schema)
    group = ("name", "within", "bucket")
    lower = Window.partitionBy(*group).orderBy("value").rowsBetween(Window.unboundedPreceding, -1)
    ranked = values.join(F.broadcast(known), list(group), "inner").select(
        "name",
        "within",
        "value",
        (F.col("before") + F.coalesce(F.sum("ties").over(lower), F.lit(0))).alias("below"),
        "ties",
        "n",
        (F.col("all_before") + F.coalesce(F.sum("all_ties").over(lower), F.lit(0))).alias("all_below"),
        "all_ties",
        "all_n",
    )
    kept = F.lit(False)
    for request in requests:
        crosses = _crosses("below", "ties", "n", request.bins)
        if request.grid:
            crosses = crosses | _crosses("all_below", "all_ties", "all_n", GRID)
        kept = kept | ((F.col("name") == request.name) & crosses)
    return ranked.where(kept)


def _crosses(below: str, ties: str, n: str, steps: int) -> Column:
    # A value holds a cut when a multiple of n / steps falls into (below, below + ties].
    upto = F.expr(f"(({below} + {ties}) * {steps}) div nullif({n}, 0)")
    return F.coalesce(upto > F.expr(f"({below} * {steps}) div nullif({n}, 0)"), F.lit(False))
