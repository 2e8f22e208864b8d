"""The published fit: the best of MLlib restarts, driver restarts and the champion's centres, for one k."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from rfm_spark.capabilities.clusters.cells import Cells
from rfm_spark.capabilities.clusters.choose import RESTARTS, restarts
from rfm_spark.capabilities.clusters.driver import (
    Partition,
    Points,
    crossed,
    kmeans,
    nearest,
    one_thread,
    squared_distances,
)
from rfm_spark.capabilities.clusters.identity import adjusted_rand

MLLIB_RESTARTS = 3
RESEEDINGS = 5
_MLLIB_ITERATIONS = 5
# Starts whose inertia differs by less than this share found the same optimum for all that matters.
SAME = 0.001


@dataclass(frozen=True)
class Fitted:
    """The centres of a model on the cells.

    Attributes:
        centres: k × d.
        inertia: weighted sum of squared distances of the cells to the nearest centre.
        origin: champion, mllib or driver: the start it came from.
        restart_spread: worst start over the best, minus 1.
    """

    centres: Points
    inertia: float
    origin: str
    restart_spread: float


def fit(
    cells: Cells,
    k: int,
    seed: int,
    *,
    found: Sequence[Partition] = (),
    champion: Points | None = None,
    mllib: bool = True,
) -> Fitted:
    """Centres with the lowest inertia; within 0.1 % of it the champion's start is preferred, then MLlib's.

    Args:
        cells: at least k of them.
        k: number of clusters.
        seed: of the first start; the others count on from it.
        found: driver restarts that were made before; none makes them now.
        champion: k × d centres to start from too.
        mllib: whether MLlib's restarts take part.
    """
    points, weights = cells.points, cells.weights
    with one_thread():
        starts = list(found) or restarts(points, weights, k, seed)
        candidates = [("driver", start.centres) for start in starts]
        if champion is not None:
            again = kmeans(points, k, seed, weights=weights, at=champion)
            candidates.insert(0, ("champion", again.centres))
        if mllib:
            # An executor's JVM may add in another order than the driver's: from here on the labels decide.
            polished = [kmeans(points, k, seed, weights=weights, at=centres) for centres in _mllib(cells, k, seed)]
            candidates += [("mllib", start.centres) for start in polished]
    inertias = [inertia_of(points, weights, centres) for _, centres in candidates]
    lowest = min(inertias)
    order = {"champion": 0, "mllib": 1, "driver": 2}
    near = [at for at, inertia in enumerate(inertias) if inertia <= lowest * (1 + SAME)]
    best = min(near, key=lambda at: (order[candidates[at][0]], inertias[at], at))
    origin, centres = candidates[best]
    return Fitted(
        centres=centres,
        inertia=inertias[best],
        origin=origin,
        restart_spread=max(inertias) / lowest - 1 if lowest > 0 else 0.0,
    )


def reseeding_floor(cells: Cells, centres: Points, seed: int) -> float:
    """Adjusted Rand index with the best of as many starts from other seeds: what reseeding alone changes.

    The lowest of `RESEEDINGS`, since a single one may happen on the same optimum.
    """
    points, weights, k = cells.points, cells.weights, len(centres)
    mine, found = nearest(points, centres), []
    for again in range(1, RESEEDINGS + 1):
        best = min(restarts(points, weights, k, seed + again * RESTARTS), key=lambda other: other.inertia)
        found.append(adjusted_rand(crossed(mine, nearest(points, best.centres), k, cells.counts)))
    return min(found)


def inertia_of(points: Points, weights: Points, centres: Points) -> float:
    """Weighted sum of squared distances to the nearest centre."""
    return float((squared_distances(points, centres).min(axis=1) * weights).sum())


def _mllib(cells: Cells, k: int, seed: int) -> list[Points]:
    from pyspark.ml.clustering import KMeans

    # `block` fails when there are fewer distinct points than k. The driver goes on to convergence: there an iteration
    # takes a millisecond, here a job.
    kmeans = KMeans(k=k, weightCol="weight", maxIter=_MLLIB_ITERATIONS, solver="row")
    starts = [kmeans.copy({kmeans.seed: seed + i}) for i in range(MLLIB_RESTARTS)]
    # Each fit is a long row of tiny jobs on one partition: side by side they take little more than one.
    with ThreadPoolExecutor(max_workers=MLLIB_RESTARTS) as pool:
        models = list(pool.map(lambda start: start.fit(cells.frame), starts))
    found = [np.array(model.clusterCenters()) for model in models]
    # Duplicate seeds leave fewer centres than asked for.
    return [centres for centres in found if len(centres) == k]
