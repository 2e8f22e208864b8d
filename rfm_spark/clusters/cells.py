"""Customers counted on a grid in feature space: a few thousand weighted points that stand for millions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.clusters.driver import Points
from rfm_spark.clusters.features import FeatureSpace
from rfm_spark.core.session import persisted
from rfm_spark.core.stats import ExactSum

MAX_CELLS = 15_000
# Customers that the width is chosen on.
SAMPLE = 100_000
_DRAWS = 2**30
# Widths tried, in standard deviations: four steps halve them.
_WIDEST, _QUARTER, _STEPS = 4.0, 2.0**0.25, 41


@dataclass(frozen=True)
class Cells:
    """Weighted points, in the order of their cells' keys.

    Attributes:
        frame: features VECTOR, weight DOUBLE in one partition, in that order; persisted.
        points: mean of each cell's customers, n × d, from exact sums.
        weights: customers of each.
        width: of a cell, in standard deviations (times the root of the weight).
    """

    frame: DataFrame
    points: Points
    weights: Points
    width: float


@contextmanager
def customer_cells(customers: DataFrame, space: FeatureSpace) -> Iterator[Cells]:
    """At most `MAX_CELLS` cells, as fine as that allows.

    Args:
        customers: with the space's columns; read two or three times, so persisted.
        space: with at least one feature.
    """
    width = finest_width(customers, space)
    while True:
        with persisted(_grid(customers, space, width)) as grid:
            rows = grid.limit(MAX_CELLS + 1).collect()
            if len(rows) <= MAX_CELLS:
                points = np.array([row["features"].toArray() for row in rows])
                yield Cells(grid, points, np.array([row["weight"] for row in rows]), width)
                return
        width *= _QUARTER


def finest_width(customers: DataFrame, space: FeatureSpace) -> float:
    """The width of cells at which about, and likely at most, `MAX_CELLS` are occupied.

    Counted on at most some `SAMPLE` customers, drawn by the hash of their ids. How many more cells all of them occupy
    follows from how many more the whole sample does than half of it; growth slows down, so that is an upper estimate.
    """
    total = customers.count()
    if total <= SAMPLE:
        drawn, share = customers, 1.0
    else:
        share = SAMPLE / total
        drawn = customers.where(F.pmod(F.xxhash64("customer_id"), F.lit(_DRAWS)) < F.lit(int(share * _DRAWS)))
    half = F.pmod(F.xxhash64("customer_id", F.lit("half")), F.lit(2)).alias("half")
    coordinates = [point.alias(f"x{i}") for i, point in enumerate(space.coordinates())]
    rows = drawn.select(half, *coordinates).toPandas().to_numpy(dtype=np.float64)
    first, points = rows[:, 0] == 0, rows[:, 1:]
    stretched = math.sqrt(max(feature.weight for feature in space.features))
    widths = [stretched * _WIDEST / math.pow(_QUARTER, step) for step in range(_STEPS)]
    low, high = 0, _STEPS - 1
    # The finest one that fits: the count of cells grows with each step.
    while low < high:
        middle = (low + high + 1) // 2
        if _cells_of_all(points, first, widths[middle], 1 / share) <= MAX_CELLS:
            low = middle
        else:
            high = middle - 1
    return widths[low]


def _cells_of_all(points: Points, first: NDArray[np.bool_], width: float, times: float) -> float:
    keys = np.round(points / width).astype(np.int64)
    mixed = np.zeros(len(keys), dtype=np.uint64)
    for axis in range(keys.shape[1]):
        mixed = (mixed ^ keys[:, axis].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    whole = len(np.unique(mixed))
    if times <= 1:
        return float(whole)
    half = len(np.unique(mixed[first]))
    return whole * math.pow(times, math.log2(whole / half)) if half else float(whole)


def _grid(customers: DataFrame, space: FeatureSpace, width: float) -> DataFrame:
    from pyspark.ml.functions import array_to_vector

    sums = [ExactSum(f"x{i}") for i in range(len(space.features))]
    keys = {f"key{i}": key for i, key in enumerate(_keys(space, width))}
    named = {f"x{i}": point for i, point in enumerate(space.coordinates())}
    counted = (
        customers.select(*(column.alias(name) for name, column in {**keys, **named}.items()))
        .groupBy(*keys)
        .agg(
            F.count(F.lit(1)).alias("weight"),
            *(column for total in sums for column in total.columns(F.col(total.name))),
        )
    )
    means = [total.column / F.col("weight") for total in sums]
    # The initialisation draws by partition and row: one partition, sorted, so that it always draws the same.
    return (
        counted.coalesce(1)
        .sortWithinPartitions(*keys)
        .select(array_to_vector(F.array(*means)).alias("features"), F.col("weight").cast("double").alias("weight"))
    )


def _keys(space: FeatureSpace, width: float) -> list[Column]:
    return [F.round(point / F.lit(width)).cast("bigint") for point in space.coordinates()]
