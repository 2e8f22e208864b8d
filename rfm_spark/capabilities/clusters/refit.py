"""The champion against a refit on today's customers: do its borders, and its clusters, still hold?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame

from rfm_spark.capabilities.clusters.cells import Cells, customer_cells
from rfm_spark.capabilities.clusters.choose import RESTARTS, restarts
from rfm_spark.capabilities.clusters.driver import Labels, Points, crossed, nearest, one_thread, squared_distances
from rfm_spark.capabilities.clusters.fit import Fitted, fit, inertia_of
from rfm_spark.capabilities.clusters.identity import Event, adjusted_rand, inherited_ids, lineage, overlap_of
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.scoped_cells import cells_by_scope
from rfm_spark.capabilities.clusters.scoped_space import among
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.core.table import ALL

# A champion whose inertia is worse by less than this share stays.
REGRET = 0.02
# Of few customers another sample alone makes a larger one: as many resamples, and what their largest is multiplied by.
RESAMPLES = 20
_MARGIN = 2.0


@dataclass(frozen=True)
class Check:
    """The champion on today's customers.

    Attributes:
        regret: inertia(champion) / inertia(refit) − 1, at the same k in the champion's feature space.
        ari: adjusted Rand index of champion and refit on these customers.
        regret_limit: regret from which on the champion is beaten: `REGRET`, or more where other customers of the same
            kind would make more.
        ari_by_chance: lowest agreement of the refit with fits on such others; 1 where regret is below `REGRET`.
        sizes: customers per cluster, in the order of the champion's centres: all, or of those drawn to stand for them.
        spread: mean squared distance to the champion's centre, per cluster; 0 without customers.
        spread_error: its standard error.
        shift: distance of the customers' mean from that centre, in standard deviations.
        events: what would become of each cluster in the refit, under the champion's ids.
        scope: whose clusters they are.
    """

    regret: float
    ari: float
    regret_limit: float
    ari_by_chance: float
    sizes: tuple[int, ...]
    spread: tuple[float, ...]
    spread_error: tuple[float, ...]
    shift: tuple[float, ...]
    events: tuple[Event, ...]
    scope: str = ALL

    @property
    def is_beaten(self) -> bool:
        """Whether a refit fits these customers clearly better than chance makes it."""
        return self.regret >= self.regret_limit


def check_champion(customers: DataFrame, champion: ClusterModel, seed: int) -> Check:
    """Measure the champion on these customers, all on their cells: one pass over them and a second-long refit.

    Args:
        customers: with the champion's columns, persisted.
        champion: the model in use, with at least one feature.
        seed: of the refit's starts.
    """
    with customer_cells(customers, champion.space) as cells:
        return _checked(cells, champion, seed)


def check_whole(
    customers: DataFrame, champion: WholeModel, sizes: Mapping[str, int] | None, seed: int
) -> tuple[Check, ...]:
    """Measure every part of the champion that has features and customers, all from the same passes over these.

    Args:
        customers: with the champion's columns, and scope where it has parts; persisted.
        champion: the model in use.
        sizes: customers by scope; None where nothing parts them.
        seed: of the refits' starts.
    """
    if sizes is None or not champion.is_parted:
        (part,) = champion.parts if not champion.is_parted else (champion.part(ALL),)
        return () if part is None or not part.space.features else (check_champion(customers, part, seed),)
    totals = {**sizes, ALL: sum(sizes.values())}
    spaces = {part.scope: part.space for part in champion.parts if part.space.features and totals.get(part.scope)}
    if not spaces:
        return ()
    found = []
    for scope, cells in cells_by_scope(among(customers, list(spaces)), spaces, totals):
        part = champion.part(scope)
        if part is not None:
            found.append(_checked(cells, part, seed))
    return tuple(found)


def _checked(cells: Cells, champion: ClusterModel, seed: int) -> Check:
    points, weights, centres = cells.points, cells.weights, np.array(champion.centres)
    with one_thread():
        labels = nearest(points, centres)
        sizes, spread, error, shift = _per_cluster(points, cells.counts, labels, centres)
    if len(points) <= champion.k:
        kept = tuple(Event("survived", (i,), (i,), 1.0) for i in champion.ids)
        return Check(0.0, 1.0, REGRET, 1.0, sizes, spread, error, shift, kept, champion.scope)
    refit = fit(cells, champion.k, seed, champion=centres, mllib=False)
    mine = inertia_of(points, weights, centres)
    with one_thread():
        common = crossed(labels, nearest(points, refit.centres), champion.k, cells.counts)
    counts = {(old, new): int(n) for old, row in zip(champion.ids, common, strict=True) for new, n in enumerate(row)}
    overlap = overlap_of(champion.ids, counts, champion.k)
    ids, _ = inherited_ids(overlap, champion.last_id)
    regret = mine / refit.inertia - 1 if refit.inertia > 0 else 0.0
    limit, by_chance = REGRET, 1.0
    if regret >= REGRET:
        largest, by_chance = _by_chance(cells, refit, sum(champion.sizes) or sum(sizes), seed)
        limit = max(REGRET, _MARGIN * largest)
    events = lineage(overlap, ids)
    agreement = adjusted_rand(common)
    return Check(regret, agreement, limit, by_chance, sizes, spread, error, shift, events, champion.scope)


def _by_chance(cells: Cells, refit: Fitted, trained: int, seed: int) -> tuple[float, float]:
    """Largest regret, and lowest agreement, of models of other customers of the same kind.

    Fits on resamples of today's customers, measured on today's. Champion and refit come from two samples, so their
    centres differ by the errors of both: resamples of n·m / (n + m) differ from today's refit by as much.
    """
    points, weights, k = cells.points, cells.counts, len(refit.centres)
    today = int(weights.sum())
    size = max(round(today * trained / (today + trained)), k)
    mine, regrets, agreements = nearest(points, refit.centres), [0.0], [1.0]
    draws = np.random.default_rng(seed)
    with one_thread():
        for again in range(1, RESAMPLES + 1):
            drawn = draws.multinomial(size, weights / weights.sum()).astype(np.float64)
            there = drawn > 0
            if there.sum() < k:
                continue
            starts = restarts(points[there], drawn[there], k, seed + again * RESTARTS)
            centres = min(starts, key=lambda start: start.inertia).centres
            regrets.append(inertia_of(points, cells.weights, centres) / refit.inertia - 1)
            agreements.append(adjusted_rand(crossed(mine, nearest(points, centres), k, cells.counts)))
    return max(regrets), min(agreements)


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
