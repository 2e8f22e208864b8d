"""Training a cluster model: features, cells, the number of clusters, the fit, ids and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pyspark.sql import DataFrame

from rfm_spark.capabilities.clusters.assign import Quality, crossed_models, crossed_since, measured_on
from rfm_spark.capabilities.clusters.cells import GRID, Cells, customer_cells
from rfm_spark.capabilities.clusters.choose import BOOTSTRAPS, ScanRow, scan, stable_k
from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.driver import Points, nearest, one_thread
from rfm_spark.capabilities.clusters.features import FeatureSpace, feature_space
from rfm_spark.capabilities.clusters.fit import Fitted, fit, reseeding_floor
from rfm_spark.capabilities.clusters.identity import Event, inherited_ids, lineage, overlap_of
from rfm_spark.capabilities.clusters.model import ClusterModel, best_first
from rfm_spark.capabilities.clusters.names import cluster_names
from rfm_spark.capabilities.clusters.stability import bootstrap_jaccard


@dataclass(frozen=True)
class Stamp:
    """Whose model it is.

    Attributes:
        version: of the model.
        config_name: segmentation.
        run_id: run it is trained in.
        as_of: as-of date of that run, ISO.
        last_id: highest cluster id that any model of the segmentation has given.
        definition: hash of the configuration that shapes it, of `model.definition_of`.
    """

    version: str
    config_name: str
    run_id: str
    as_of: str
    last_id: int = 0
    definition: str = ""


@dataclass(frozen=True)
class Training:
    """A new model, why it has its k, where its clusters come from, and what a reader should know."""

    model: ClusterModel
    scan: tuple[ScanRow, ...] = ()
    lineage: tuple[Event, ...] = ()
    warnings: tuple[str, ...] = ()


def train(
    customers: DataFrame,
    config: ClustersConfig,
    stamp: Stamp,
    parent: ClusterModel | None = None,
    before: DataFrame | None = None,
) -> Training:
    """A model of these customers.

    Args:
        customers: customer_id and the features' columns, at least one row; read several times, so persisted.
        config: features, k, seed.
        stamp: whose it is.
        parent: model whose ids and names live on.
        before: customer_id and cluster_id under the parent's ids, at the previous run: ids are matched on those who
            were customers then. On all of today's where None.
    """
    space = feature_space(customers, config.features)
    made = ONE_POINT
    if space.features:
        with customer_cells(customers, space) as cells:
            made = shaped(cells, space, config, parent)
    draft = drafted(space, made, stamp)
    draft = replace(draft, parent_version=None if parent is None else parent.version)
    ids, last_id, events = _identified(customers, draft, parent, before, stamp.last_id)
    model = named(replace(draft, last_id=last_id), ids, parent)
    found = measured(model, measured_on(customers, model))
    return Training(found, made.scan, events, (*feature_warnings(space), *made.warnings))


@dataclass(frozen=True)
class Shape:
    """Where the centres are, before clusters have ids and names, and why there are so many; see `ClusterModel`."""

    centres: Points
    decided: str
    fitted: Fitted | None = None
    scan: tuple[ScanRow, ...] = ()
    jaccard: tuple[float, ...] = ()
    floor: float = 1.0
    width: float = 0.0
    cells: int = 0
    kind: str = GRID
    warnings: tuple[str, ...] = ()


# Where no feature tells customers apart.
ONE_POINT = Shape(
    np.zeros((1, 0)),
    "degenerate",
    warnings=("clusters: all customers are alike in every feature, so they are one cluster",),
)


def shaped(cells: Cells, space: FeatureSpace, config: ClustersConfig, parent: ClusterModel | None) -> Shape:
    """The centres: how many, and where.

    Args:
        cells: of the customers.
        space: that they are in, with at least one feature.
        config: features, k, seed.
        parent: whose centres are one of the starts, where they can be.
    """
    points, weights = cells.points, cells.weights
    ks = [k for k in config.ks if k < len(points)]
    if not ks:
        wanted = f"k = {config.k}" if config.k != "auto" else "any k to be chosen"
        sentence = (
            f"clusters: only {len(points)} distinct groups, no more than {wanted} needs; each is a cluster of its own"
        )
        return Shape(points, "degenerate", width=cells.width, cells=len(points), kind=cells.kind, warnings=(sentence,))
    rows = scan(points, weights, ks, config.seed)
    k, decided, warnings = _decided(rows, config, len(points))
    if k not in ks:
        rows = (*rows, *scan(points, weights, (k,), config.seed))
    row = next(row for row in rows if row.k == k)
    if decided == "no_stable_k" and row.is_stable:
        # A fallback outside k_range, which no one had looked at before.
        decided, warnings = "auto", ()
    start = _start(space, parent, k)
    fitted = fit(cells, k, config.seed, found=(row.partition,), champion=start)
    spread = max(fitted.restart_spread, row.restart_spread)
    with one_thread():
        labels = nearest(points, fitted.centres)
        jaccard = bootstrap_jaccard(points, weights, labels, k, config.seed, BOOTSTRAPS)
        floor = reseeding_floor(cells, fitted.centres, config.seed)
    return Shape(
        centres=fitted.centres,
        decided=decided,
        fitted=replace(fitted, restart_spread=spread),
        scan=tuple(replace(row, chosen=row.k == k) for row in rows),
        jaccard=jaccard,
        floor=floor,
        width=cells.width,
        cells=len(points),
        kind=cells.kind,
        warnings=warnings,
    )


def _decided(rows: Sequence[ScanRow], config: ClustersConfig, cells: int) -> tuple[int, str, tuple[str, ...]]:
    if config.k != "auto":
        return config.k, "fixed", ()
    stable = stable_k(rows)
    if stable is not None:
        return stable, "auto", ()
    k = min(config.fallback_k, cells)
    sentence = (
        f"no_stable_k: for no k from {rows[0].k} to {rows[-1].k} are there groups that lie apart and come back on "
        f"other samples of the customers; k = {k} is a convention (clusters.fallback_k)"
    )
    return k, "no_stable_k", (sentence,)


def _start(space: FeatureSpace, parent: ClusterModel | None, k: int) -> Points | None:
    """The parent's centres in today's feature space, where both have the same columns and k."""
    if parent is None or parent.k != k or parent.space.columns != space.columns:
        return None
    old, new = parent.space.features, space.features
    if [feature.transform for feature in old] != [feature.transform for feature in new]:
        return None
    scales = np.array([a.scale / np.sqrt(a.weight) for a in old]), np.array([b.scale / np.sqrt(b.weight) for b in new])
    means = np.array([a.mean for a in old]), np.array([b.mean for b in new])
    found: Points = (np.array(parent.centres) * scales[0] + means[0] - means[1]) / scales[1]
    return found


def drafted(space: FeatureSpace, made: Shape, stamp: Stamp) -> ClusterModel:
    """The model without names, measures of all customers, and what it has of a parent; ids are places from 0."""
    centres = [tuple(float(x) for x in centre) for centre in made.centres]
    fitted, row = made.fitted, next((row for row in made.scan if row.chosen), None)
    return ClusterModel(
        version=stamp.version,
        space=space,
        centres=tuple(centres),
        ids=tuple(range(len(centres))),
        names=("",) * len(centres),
        last_id=0,
        definition=stamp.definition,
        config_name=stamp.config_name,
        trained_on=stamp.run_id,
        trained_as_of=stamp.as_of,
        origin="driver" if fitted is None else fitted.origin,
        cells_inertia=0.0 if fitted is None else fitted.inertia,
        width=made.width,
        cells=made.cells,
        cells_kind=made.kind,
        restart_spread=0.0 if fitted is None else fitted.restart_spread,
        ari_floor=made.floor,
        decided=made.decided,
        strength=None if row is None else row.prediction_strength,
        null_strength=None if row is None else row.null_strength,
        jaccard=made.jaccard,
    )


def measured(model: ClusterModel, quality: Quality) -> ClusterModel:
    """The model with what was measured on all its customers."""
    return replace(
        model,
        inertia=quality.inertia,
        silhouette=quality.silhouette,
        spread=quality.spread,
        sizes=quality.sizes,
        customers=quality.customers,
    )


def _identified(
    customers: DataFrame,
    draft: ClusterModel,
    parent: ClusterModel | None,
    before: DataFrame | None,
    given: int,
) -> tuple[tuple[int, ...], int, tuple[Event, ...]]:
    if parent is None:
        return (*first_ids(draft, given), ())
    if before is None:
        overlap = overlap_of(parent.ids, crossed_models(customers, parent, draft), draft.k)
    else:
        counts, kept = crossed_since(before, customers, parent, draft)
        overlap = overlap_of(parent.ids, counts, draft.k, kept)
    ids, last_id = inherited_ids(overlap, max(given, parent.last_id))
    return ids, last_id, lineage(overlap, ids)


def first_ids(draft: ClusterModel, given: int) -> tuple[tuple[int, ...], int]:
    """Ids of clusters that come after none, best customers first, and the highest one given by now."""
    ranks = {at: rank for rank, at in enumerate(best_first(draft.centres, draft.space), given + 1)}
    return tuple(ranks[at] for at in range(draft.k)), given + draft.k


def named(draft: ClusterModel, ids: Sequence[int], parent: ClusterModel | None) -> ClusterModel:
    """The draft with ids and names, ascending by id; names stay with inherited ids."""
    order = sorted(range(draft.k), key=lambda at: ids[at])
    centres = tuple(draft.centres[at] for at in order)
    ordered = tuple(ids[at] for at in order)
    carried = {} if parent is None else dict(zip(parent.ids, parent.names, strict=True))
    kept = {at: carried[cluster] for at, cluster in enumerate(ordered) if cluster in carried}
    jaccard = tuple(draft.jaccard[at] for at in order) if draft.jaccard else ()
    names = cluster_names(centres, draft.space, kept)
    return replace(draft, centres=centres, ids=ordered, names=names, jaccard=jaccard)


def feature_warnings(space: FeatureSpace) -> list[str]:
    """What a reader should know of the features: which were dropped, and of which values are missing."""
    warnings = []
    if space.dropped:
        # Also for want of any value, or because all were clipped to the same one.
        what = "tells no two customers apart" if len(space.dropped) == 1 else "tell no two customers apart"
        was = "was" if len(space.dropped) == 1 else "were"
        warnings.append(f"clusters: {', '.join(space.dropped)} {what} and {was} dropped")
    warnings += [
        f"clusters: {feature.missing:.1%} of the customers have no {feature.column}; a stand-in was taken for it"
        for feature in space.features
        if feature.missing > 0
    ]
    return warnings
