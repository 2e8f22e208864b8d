"""Choosing the number of clusters with reasons: fits, curves and stability for every k, and the rule that decides."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from rfm_spark.capabilities.clusters.driver import (
    Partition,
    Points,
    kmeans,
    one_thread,
    one_thread_here,
    squared_distances,
)
from rfm_spark.capabilities.clusters.separation import separation
from rfm_spark.capabilities.clusters.stability import (
    Halves,
    bootstrap_jaccard,
    null_halves,
    prediction_strength,
    sample_halves,
)

STRONG = 0.8
STABLE = 0.75
# The maximum of ten nulls alone is passed by one structureless cloud in eleven.
NULL_SDS = 3.0
APART = 3.0
RESTARTS = 10
BOOTSTRAPS = 20
_WORKERS = 2


@dataclass(frozen=True)
class ScanRow:
    """What speaks for and against one number of clusters.

    Attributes:
        k: number of clusters.
        partition: the best of the restarts.
        inertia: its sum of squared distances on the cells.
        restart_spread: worst inertia of the restarts over the best, minus 1.
        silhouette: squared-Euclidean, on the cells.
        prediction_strength: mean over splits of the weakest cluster's.
        null_strength: what it has to exceed: the largest of single normal clouds, or their mean plus `NULL_SDS`
            standard deviations if that is more; None where the strength is below `STRONG` anyway.
        jaccard: per cluster, mean over the bootstraps.
        separation: of the least separated neighbours, in standard deviations of what one cloud gives; None where the
            other conditions don't hold.
        smallest_share: of customers, in the smallest cluster.
        knee: whether the inertia curve bends most here.
        chosen: whether this is the k of the model.
    """

    k: int
    partition: Partition
    inertia: float
    restart_spread: float
    silhouette: float
    prediction_strength: float
    null_strength: float | None
    jaccard: tuple[float, ...]
    smallest_share: float
    separation: float | None = None
    knee: bool = False
    chosen: bool = False

    @property
    def is_stable(self) -> bool:
        """Whether it comes back, and no two neighbours are one cloud that was cut."""
        return self.comes_back and self.separation is not None and self.separation >= APART

    @property
    def comes_back(self) -> bool:
        """Whether other customers give the same clusters, more surely than structureless ones would."""
        if self.null_strength is None or self.prediction_strength <= self.null_strength:
            return False
        return self.prediction_strength >= STRONG and min(self.jaccard) >= STABLE


def scan(points: Points, weights: Points, ks: Sequence[int], seed: int) -> tuple[ScanRow, ...]:
    """Fit every k and measure it; nothing is chosen yet.

    Args:
        points: cells, n × d, in an order of their own.
        weights: customers of each.
        ks: ascending, each at least 2 and at most n.
        seed: of samples and starts.
    """
    with one_thread():
        halves = sample_halves(points, weights, seed)
        nulls = null_halves(points, weights, seed)
    with one_thread(), ThreadPoolExecutor(_WORKERS, initializer=one_thread_here) as pool:
        rows = list(pool.map(lambda k: _row(points, weights, k, seed, halves, nulls), ks))
        rows = list(pool.map(lambda row: _separated(points, weights, row, seed), rows))
    bend = knee(ks, [row.inertia for row in rows])
    return tuple(replace(row, knee=row.k == bend) for row in rows)


def stable_k(rows: Sequence[ScanRow]) -> int | None:
    """The largest stable k, or None: continuous behaviour often has no clusters of its own."""
    stable = [row.k for row in rows if row.is_stable]
    return max(stable) if stable else None


def knee(ks: Sequence[int], inertias: Sequence[float]) -> int | None:
    """Where a falling curve lies furthest below its chord; None for fewer than three points or a flat curve.

    Satopää et al. (2011), Finding a "kneedle" in a haystack.
    """
    if len(ks) < 3 or inertias[0] <= inertias[-1]:
        return None
    along = (np.asarray(ks, dtype=float) - ks[0]) / (ks[-1] - ks[0])
    fallen = (inertias[0] - np.asarray(inertias)) / (inertias[0] - inertias[-1])
    return int(ks[int(np.argmax(fallen - along))])


def restarts(points: Points, weights: Points, k: int, seed: int) -> list[Partition]:
    """Fits from `RESTARTS` k-means++ starts."""
    return [kmeans(points, k, seed + start, weights=weights) for start in range(RESTARTS)]


def cell_silhouette(points: Points, weights: Points, partition: Partition) -> float:
    """Mean squared-Euclidean silhouette of the customers, each taken to be at its cell.

    From sums alone: the mean squared distance of x to a cluster of weight W, mean m and mean squared norm q is
    |x|² − 2 x·m + q. A customer is not compared with themselves: W / (W − 1) for their own cluster.
    """
    k = len(partition.centres)
    totals = np.bincount(partition.labels, weights=weights, minlength=k)
    spread = squared_distances(points, partition.centres)
    own = np.arange(len(points)), partition.labels
    within = np.bincount(partition.labels, weights=weights * spread[own], minlength=k) / totals
    distances = spread + within
    alone = totals[partition.labels] <= 1
    inside = distances[own] * totals[partition.labels] / np.maximum(totals[partition.labels] - 1, 1)
    distances[own] = np.inf
    outside = distances.min(axis=1)
    larger = np.maximum(inside, outside)
    scores = np.divide(outside - inside, larger, out=np.zeros(len(points)), where=(larger > 0) & ~alone)
    return float(np.average(scores, weights=weights))


def _row(
    points: Points,
    weights: Points,
    k: int,
    seed: int,
    halves: Sequence[Halves],
    nulls: Sequence[Sequence[Halves]],
) -> ScanRow:
    fits = restarts(points, weights, k, seed)
    best = min(fits, key=lambda fit: fit.inertia)
    strength = prediction_strength(halves, k, seed)
    totals = np.bincount(best.labels, weights=weights, minlength=k)
    worst = max(fit.inertia for fit in fits)
    return ScanRow(
        k=k,
        partition=best,
        inertia=best.inertia,
        restart_spread=worst / best.inertia - 1 if best.inertia > 0 else 0.0,
        silhouette=cell_silhouette(points, weights, best),
        prediction_strength=strength,
        null_strength=_to_exceed(nulls, k, seed) if strength >= STRONG else None,
        jaccard=bootstrap_jaccard(points, weights, best.labels, k, seed, BOOTSTRAPS),
        smallest_share=float(totals.min() / totals.sum()),
    )


def _separated(points: Points, weights: Points, row: ScanRow, seed: int) -> ScanRow:
    if not row.comes_back:
        return row
    found = separation(points, weights, row.partition.labels, row.partition.centres, seed)
    return replace(row, separation=found)


def _to_exceed(nulls: Sequence[Sequence[Halves]], k: int, seed: int) -> float:
    strengths = np.array([prediction_strength(null, k, seed) for null in nulls])
    # A cluster can't be stronger than 1; perfect clusters must not fail on a formula's account.
    margin = min(strengths.mean() + NULL_SDS * strengths.std(ddof=1), 1 - 1e-9)
    return float(max(strengths.max(), margin))
