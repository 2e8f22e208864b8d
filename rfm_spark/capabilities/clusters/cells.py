"""Customers counted on a grid in feature space: a few thousand weighted points that stand for millions.

A grid of so few cells is coarse where there are many features: with eight independent ones a cell is two to four
standard deviations wide, and groups that lie closer fall into the same ones. Where cells would hide that much of how
customers differ, as many customers drawn at random stand for all of them instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.driver import Points
from rfm_spark.capabilities.clusters.features import FeatureSpace
from rfm_spark.core.session import persisted
from rfm_spark.core.stats import ExactSum

MAX_CELLS = 15_000
# Customers that the width is chosen on.
SAMPLE = 100_000
# Share of the sum of squares that may lie inside cells, where no centre can reach it.
HIDDEN = 0.05
GRID, DRAWN = "grid", "sample"
DRAWS = 2**30
# Widths tried, in standard deviations: four steps halve them.
WIDEST, QUARTER, _STEPS = 4.0, 2.0**0.25, 41


@dataclass(frozen=True)
class Cells:
    """Weighted points, in the order of their cells' keys, or of the hash of the customers drawn.

    Attributes:
        frame: features VECTOR, weight DOUBLE in one partition, in that order; persisted.
        points: mean of each cell's customers from exact sums, or the customers drawn, n × d.
        weights: customers that each stands for.
        width: of a cell, in standard deviations (times the root of the weight); 0 for customers drawn.
        kind: grid, or sample for customers drawn.
    """

    frame: DataFrame
    points: Points
    weights: Points
    width: float
    kind: str = GRID

    @property
    def counts(self) -> Points:
        """Customers who were looked at, per point: what the precision of a figure depends on."""
        return self.weights if self.kind == GRID else np.ones(len(self.points))


@dataclass(frozen=True)
class Sample:
    """Customers that the width of cells is chosen on: all, or some drawn by the hash of their ids.

    Attributes:
        points: n × d, in an order that does not depend on the layout of the data.
        first: whether each is in the first half of them.
        customers: how many there are in all.
    """

    points: Points
    first: NDArray[np.bool_]
    customers: int

    def finest_width(self, widest: float) -> float:
        """The width at which about, and likely at most, `MAX_CELLS` are occupied by all customers."""
        widths = [widest / math.pow(QUARTER, step) for step in range(_STEPS)]
        low, high = 0, _STEPS - 1
        # The finest one that fits: the count of cells grows with each step.
        while low < high:
            middle = (low + high + 1) // 2
            if self.cells(widths[middle]) <= MAX_CELLS:
                low = middle
            else:
                high = middle - 1
        return widths[low]

    def cells(self, width: float) -> float:
        """How many cells all customers occupy.

        How many more they do than these follows from how many more all of these do than half of them; growth slows
        down, so that is an upper estimate.
        """
        keys = self._keys(width)
        whole, times = len(np.unique(keys)), self.customers / max(len(keys), 1)
        if times <= 1:
            return float(whole)
        half = len(np.unique(keys[self.first]))
        return whole * math.pow(times, math.log2(whole / half)) if half else float(whole)

    def hidden(self, width: float) -> float:
        """Share of the sum of squares of all customers that lies inside cells of a width.

        The variance inside a cell is that of these customers; those who are alone in theirs say nothing about it.
        """
        n = len(self.points)
        total = float(((self.points - self.points.mean(axis=0)) ** 2).sum())
        _, cell, counts = np.unique(self._keys(width), return_inverse=True, return_counts=True)
        if total <= 0 or len(counts) == n:
            return 0.0
        axes = range(self.points.shape[1])
        means = [np.bincount(cell, weights=self.points[:, axis]) / counts for axis in axes]
        inside = sum(float(((self.points[:, axis] - means[axis][cell]) ** 2).sum()) for axis in axes)
        variance = inside / (n - len(counts))
        return variance * (1 - min(self.cells(width), MAX_CELLS) / self.customers) / (total / n)

    def _keys(self, width: float) -> NDArray[np.uint64]:
        keys = np.round(self.points / width).astype(np.int64)
        mixed = np.zeros(len(keys), dtype=np.uint64)
        for axis in range(keys.shape[1]):
            mixed = (mixed ^ keys[:, axis].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        return mixed


@contextmanager
def customer_cells(customers: DataFrame, space: FeatureSpace) -> Iterator[Cells]:
    """At most `MAX_CELLS` cells, as fine as that allows; so many customers where these would be too coarse.

    Args:
        customers: with customer_id and the space's columns; read two or three times, so persisted.
        space: with at least one feature.
    """
    sample = sampled(customers, space)
    width = sample.finest_width(WIDEST * math.sqrt(max(feature.weight for feature in space.features)))
    while sample.hidden(width) <= HIDDEN:
        with persisted(_grid(customers, space, width)) as grid:
            rows = grid.limit(MAX_CELLS + 1).collect()
            if len(rows) <= MAX_CELLS:
                points = np.array([row["features"].toArray() for row in rows])
                yield Cells(grid, points, np.array([row["weight"] for row in rows]), width)
                return
        width *= QUARTER
    with persisted(_drawn(customers, space, sample.customers)) as drawn:
        rows = drawn.collect()
        points = np.array([row["features"].toArray() for row in rows])
        yield Cells(drawn, points, np.array([row["weight"] for row in rows]), 0.0, DRAWN)


def sampled(customers: DataFrame, space: FeatureSpace) -> Sample:
    """All customers, or some `SAMPLE` of them if there are more."""
    total = customers.count()
    if total <= SAMPLE:
        drawn = customers
    else:
        limit = int(SAMPLE / total * DRAWS)
        drawn = customers.where(F.pmod(F.xxhash64("customer_id"), F.lit(DRAWS)) < F.lit(limit))
    half = F.pmod(F.xxhash64("customer_id", F.lit("half")), F.lit(2)).alias("half")
    rows = drawn.select(half, *_named(space)).toPandas().to_numpy(dtype=np.float64)
    # Rows come in the order of the layout, and sums of doubles depend on it.
    ordered = rows[np.lexsort(rows.T)]
    return Sample(ordered[:, 1:], ordered[:, 0] == 0, total)


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


def _drawn(customers: DataFrame, space: FeatureSpace, total: int) -> DataFrame:
    """`MAX_CELLS` customers by the hash of their ids: the same ones from any layout, and for years, as ids stay."""
    from pyspark.ml.functions import array_to_vector

    order = ("_hash", "customer_id")
    weight = total / min(total, MAX_CELLS)
    return (
        customers.select("customer_id", F.xxhash64("customer_id").alias("_hash"), *_named(space))
        .orderBy(*order)
        .limit(MAX_CELLS)
        .coalesce(1)
        .sortWithinPartitions(*order)
        .select(
            array_to_vector(F.array(*(f"x{i}" for i in range(len(space.features))))).alias("features"),
            F.lit(weight).alias("weight"),
        )
    )


def _named(space: FeatureSpace) -> list[Column]:
    return [point.alias(f"x{i}") for i, point in enumerate(space.coordinates())]
