"""The champion against a refit on today's customers: do its borders, and its clusters, still hold?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame

from rfm_spark.clusters.cells import customer_cells
from rfm_spark.clusters.driver import Labels, Points, crossed, nearest, one_thread, squared_distances
from rfm_spark.clusters.fit import fit, inertia_of
from rfm_spark.clusters.identity import Event, adjusted_rand, inherited_ids, lineage, overlap_of
from rfm_spark.clusters.model import ClusterModel

# A champion whose inertia is worse by less than this share stays.
REGRET = 0.02


@dataclass(frozen=True)
class Check:
    """The champion on today's customers.

    Attributes:
        regret: inertia(champion) / inertia(refit) − 1, at the same k in the champion's feature space.
        ari: adjusted Rand index of champion and refit on these customers.
        sizes: customers per cluster, in the order of the champion's centres: all, or of those drawn to stand for them.
        spread: mean squared distance to the champion's centre, per cluster; 0 without customers.
        spread_error: its standard error.
        shift: distance of the customers' mean from that centre, in standard deviations.
        events: what would become of each cluster in the refit, under the champion's ids.
    """

    regret: float
    ari: float
    sizes: tuple[int, ...]
    spread: tuple[float, ...]
    spread_error: tuple[float, ...]
    shift: tuple[float, ...]
    events: tuple[Event, ...]


def check_champion(customers: DataFrame, champion: ClusterModel, seed: int) -> Check:
    """Measure the champion on these customers, all on their cells: one pass over them and a second-long refit.

    Args:
        customers: with the champion's columns, persisted.
        champion: the model in use, with at least one feature.
        seed: of the refit's starts.
    """
    centres = np.array(champion.centres)
    with customer_cells(customers, champion.space) as cells:
        points, weights = cells.points, cells.weights
        with one_thread():
            labels = nearest(points, centres)
            sizes, spread, error, shift = _per_cluster(points, cells.counts, labels, centres)
        if len(points) <= champion.k:
            kept = tuple(Event("survived", (i,), (i,), 1.0) for i in champion.ids)
            return Check(0.0, 1.0, sizes, spread, error, shift, kept)
        refit = fit(cells, champion.k, seed, champion=centres, mllib=False)
        mine = inertia_of(points, weights, centres)
    with one_thread():
        common = crossed(labels, nearest(points, refit.centres), champion.k, cells.counts)
    counts = {(old, new): int(n) for old, row in zip(champion.ids, common, strict=True) for new, n in enumerate(row)}
    overlap = overlap_of(champion.ids, counts, champion.k)
    ids, _ = inherited_ids(overlap, champion.last_id)
    regret = mine / refit.inertia - 1 if refit.inertia > 0 else 0.0
    return Check(regret, adjusted_rand(common), sizes, spread, error, shift, lineage(overlap, ids))


def _per_cluster(
    points: Points, weights: Points, labels: Labels, centres: Points
) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    squares = squared_distances(points, centres)[np.arange(len(points)), labels]
    sizes: list[int] = []
    spread: list[float] = []
    error: list[float] = []
    shift: list[float] = []
    for at, centre in enumerate(centres):
        mine = labels == at
        n = float(weights[mine].sum())
        sizes.append(int(n))
        if not n:
            for empty in (spread, error, shift):
                empty.append(0.0)
            continue
        mean = float(np.average(squares[mine], weights=weights[mine]))
        variance = float(np.average((squares[mine] - mean) ** 2, weights=weights[mine]))
        spread.append(mean)
        error.append(float(np.sqrt(variance / n)))
        shift.append(float(np.linalg.norm(np.average(points[mine], axis=0, weights=weights[mine]) - centre)))
    return tuple(sizes), tuple(spread), tuple(error), tuple(shift)
