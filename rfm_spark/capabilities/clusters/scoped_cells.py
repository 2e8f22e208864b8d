"""Cells of customers of several scopes, counted in the same passes; each scope has a grid of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters import cells as alone
from rfm_spark.capabilities.clusters.cells import DRAWN, HIDDEN, Cells, Sample
from rfm_spark.capabilities.clusters.driver import Points
from rfm_spark.capabilities.clusters.features import FeatureSpace
from rfm_spark.capabilities.clusters.scoped_space import ScopedSpace
from rfm_spark.core.parts import PART, by_part, with_part
from rfm_spark.core.session import persisted
from rfm_spark.core.stats import ExactSum
from rfm_spark.core.table import SCOPE_COLUMN

# Customers that samples of scopes looked at together bring to the driver.
_AT_ONCE = 1_000_000
# Hashes of ids, as shares of the customers: so many standard deviations more than are wanted.
_SURE = 10.0


@dataclass
class _Batch:
    """Scopes whose cells are counted together.

    Attributes:
        placed: their customers with their part, and a column per axis.
        scopes: in the order of the parts.
        space: of the parts.
        totals: customers of each.
        samples: that widths are chosen on.
        widths: of cells, as long as none fitted.
    """

    placed: DataFrame
    scopes: Sequence[str]
    space: ScopedSpace
    totals: Sequence[int]
    samples: Sequence[Sample] = ()
    widths: dict[int, float] = field(default_factory=dict)

    @property
    def axes(self) -> list[str]:
        return [f"x{axis}" for axis in range(len(self.space.columns))]

    def mine(self, part: int) -> list[str]:
        return [f"x{axis}" for axis in self.space.axes[part]]


def cells_by_scope(
    customers: DataFrame, spaces: Mapping[str, FeatureSpace], totals: Mapping[str, int]
) -> Iterator[tuple[str, Cells]]:
    """The cells of each scope, bitwise those of `cells.customer_cells` for its customers alone, one after the other.

    Args:
        customers: with customer_id, scope and the spaces' columns; read as often as for one scope alone, and again
            only where scopes are so many that the driver would hold too many samples.
        spaces: by scope, each with at least one feature.
        totals: customers of each scope.
    """
    for scopes in _batches(totals, list(spaces)):
        space = ScopedSpace(tuple(spaces[scope] for scope in scopes))
        parted = with_part(customers, {scope: at for at, scope in enumerate(scopes)})
        points = {f"x{axis}": point for axis, point in enumerate(space.coordinates())}
        here = parted.where(F.col(SCOPE_COLUMN).isin(list(scopes)))
        placed = here.select("customer_id", PART, *(point.alias(name) for name, point in points.items()))
        batch = _Batch(placed, scopes, space, [totals[scope] for scope in scopes])
        with ExitStack() as held:
            for at, cells in sorted(_cells(batch, held).items()):
                yield scopes[at], cells


def _batches(totals: Mapping[str, int], scopes: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = []
    size = 0
    for scope in scopes:
        sample = min(totals[scope], alone.SAMPLE)
        if not found or size + sample > _AT_ONCE:
            found, size = [*found, []], 0
        found[-1].append(scope)
        size += sample
    return found


def _cells(batch: _Batch, held: ExitStack) -> dict[int, Cells]:
    batch.samples = _sampled(batch)
    for at, (space, sample) in enumerate(zip(batch.space.spaces, batch.samples, strict=True)):
        batch.widths[at] = sample.finest_width(alone.WIDEST * math.sqrt(max(f.weight for f in space.features)))
    found, drawn = dict[int, Cells](), list[int]()
    while batch.widths:
        coarse = [at for at, width in batch.widths.items() if batch.samples[at].hidden(width) > HIDDEN]
        drawn += coarse
        for at in coarse:
            del batch.widths[at]
        if batch.widths:
            counted = _on_grid(batch, held)
            found |= counted
            batch.widths = {at: width * alone.QUARTER for at, width in batch.widths.items() if at not in counted}
    return found | (_by_hash(batch, drawn, held) if drawn else {})


def _sampled(batch: _Batch) -> list[Sample]:
    """All customers of each scope, or some `SAMPLE` of them if there are more."""
    limits = [alone.DRAWS if n <= alone.SAMPLE else int(alone.SAMPLE / n * alone.DRAWS) for n in batch.totals]
    drawn = batch.placed
    if min(limits) < alone.DRAWS:
        drawn = drawn.where(F.pmod(F.xxhash64("customer_id"), F.lit(alone.DRAWS)) < by_part(limits))
    half = F.pmod(F.xxhash64("customer_id", F.lit("half")), F.lit(2)).alias("half")
    rows = drawn.select(PART, half, *batch.axes).toPandas().to_numpy(dtype=np.float64)
    found = []
    for at, axes in enumerate(batch.space.axes):
        mine = rows[rows[:, 0] == at][:, [1, *(2 + axis for axis in axes)]]
        # Rows come in the order of the layout, and sums of doubles depend on it.
        ordered = mine[np.lexsort(mine.T)]
        found.append(Sample(ordered[:, 1:], ordered[:, 0] == 0, batch.totals[at]))
    return found


def _on_grid(batch: _Batch, held: ExitStack) -> dict[int, Cells]:
    """Cells of those scopes whose width leaves few enough, of the scopes that have a width."""
    parts = sorted(batch.widths)
    width = by_part([batch.widths.get(at, 1.0) for at in range(len(batch.scopes))])
    keys = {f"key{axis}": F.round(F.col(name) / width).cast("bigint") for axis, name in enumerate(batch.axes)}
    sums = [ExactSum(name) for name in batch.axes]
    counted = (
        batch.placed.where(F.col(PART).isin(parts))
        .withColumns(keys)
        .groupBy(PART, *keys)
        .agg(F.count(F.lit(1)).alias("weight"), *(one for total in sums for one in total.columns(F.col(total.name))))
    )
    means = [(total.column / F.col("weight")).alias(total.name) for total in sums]
    # As for one scope alone, the initialisation draws by partition and row.
    sorted_cells = counted.coalesce(1).sortWithinPartitions(PART, *keys)
    grid = held.enter_context(
        persisted(sorted_cells.select(PART, *means, F.col("weight").cast("double").alias("weight")))
    )
    sizes = {row[PART]: row["count"] for row in grid.groupBy(PART).count().collect()}
    few = [at for at in parts if sizes[at] <= alone.MAX_CELLS]
    return {
        at: Cells(_frame(grid, batch, at), points, weights, batch.widths[at])
        for at, (points, weights) in _collected(grid, batch, few).items()
    }


def _by_hash(batch: _Batch, parts: Sequence[int], held: ExitStack) -> dict[int, Cells]:
    """`MAX_CELLS` customers of each scope by the hash of their ids, as for one scope alone."""
    shares = [min(1.0, (alone.MAX_CELLS + _SURE * math.sqrt(alone.MAX_CELLS)) / n) for n in batch.totals]
    order = ("_hash", "customer_id")
    # Only those with low hashes are put in order; that too few are among them is out of the question.
    lowest = F.lit(-(2.0**63)) + by_part(shares) * F.lit(2.0**64)
    near = batch.placed.where(F.col(PART).isin(list(parts))).withColumn("_hash", F.xxhash64("customer_id"))
    near = near.where(F.col("_hash").cast("double") <= lowest)
    place = F.row_number().over(Window.partitionBy(PART).orderBy(*order))
    weights = [n / min(n, alone.MAX_CELLS) for n in batch.totals]
    first = near.withColumn("_place", place).where(F.col("_place") <= alone.MAX_CELLS)
    ordered = first.coalesce(1).sortWithinPartitions(PART, *order)
    drawn = held.enter_context(persisted(ordered.select(PART, *batch.axes, by_part(weights).alias("weight"))))
    return {
        at: Cells(_frame(drawn, batch, at), points, mine, 0.0, DRAWN)
        for at, (points, mine) in _collected(drawn, batch, parts).items()
    }


def _collected(frame: DataFrame, batch: _Batch, parts: Sequence[int]) -> dict[int, tuple[Points, Points]]:
    if not parts:
        return {}
    # One partition: its order is kept.
    rows = frame.where(F.col(PART).isin(list(parts))).toPandas()
    found = {}
    for at in parts:
        mine = rows[rows[PART] == at]
        points = np.ascontiguousarray(mine[batch.mine(at)].to_numpy(dtype=np.float64))
        found[at] = points, mine["weight"].to_numpy(dtype=np.float64)
    return found


def _frame(frame: DataFrame, batch: _Batch, part: int) -> DataFrame:
    from pyspark.ml.functions import array_to_vector

    features: list[Column] = [F.col(name) for name in batch.mine(part)]
    return frame.where(F.col(PART) == part).select(array_to_vector(F.array(*features)).alias("features"), "weight")
