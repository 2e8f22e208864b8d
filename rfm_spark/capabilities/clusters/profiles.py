"""What each cluster looks like: size, revenue, typical values and customers, and the rule segments it overlaps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.features import Feature
from rfm_spark.capabilities.clusters.names import insight
from rfm_spark.capabilities.clusters.scoped_space import ScopedSpace
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.core.counting import Count, CountedCustomers
from rfm_spark.core.parts import part_of
from rfm_spark.core.stats import mean_of, mean_parts
from rfm_spark.core.table import ALL, SCOPE_COLUMN
from rfm_spark.core.typical import MEASURED_AS, means_of

MEDOIDS = 3
_UNIT = 1e9


def feature_sums(model: WholeModel) -> dict[str, Column]:
    """What means of the features are made of, to be added up by cluster."""
    found: dict[str, Column] = {}
    for column, point in _coordinates(model).items():
        whole, part, present = mean_parts(F.col(column).cast("double"))
        coordinate = F.round(point * F.lit(_UNIT)).cast("decimal(20,0)")
        sums = {"whole": whole, "part": part, "present": present, "coordinate": coordinate}
        found |= {f"{name}_{column}": value for name, value in sums.items()}
    return found


def _coordinates(model: WholeModel) -> dict[str, Column]:
    if not model.is_parted:
        space = model.parts[0].space
        return dict(zip(space.columns, space.coordinates(), strict=True))
    spaces = ScopedSpace(tuple(part.space for part in model.parts), part_of(model.places))
    return dict(zip(spaces.columns, spaces.coordinates(), strict=True))


def cluster_profiles(
    assigned: DataFrame, counts: CountedCustomers, model: WholeModel, *, apart: bool = False
) -> list[dict[str, Any]]:
    """Profile of every cluster that has customers: among all, and among those of each scope that they are of.

    Args:
        assigned: customer_id, cluster_id, cluster_distance, and scope where the model has parts.
        counts: of these customers by cluster_id, with revenue, sums of the measures and of `feature_sums`, and the
            quarters of the measures and the features; and crossed with the segment, as `cluster and segment`.
        model: that assigned them.
        apart: whether scopes have amounts of different currencies, so that there is nothing to say of all of them.

    Returns:
        The columns of table `cluster_profiles` without run keys, by scope and ascending by cluster_id.
    """
    scopes = [scope for scope in counts.scopes if scope != ALL or not apart]
    medoids = _medoids(assigned, parted=len(counts.scopes) > 1)
    return [row for scope in scopes for row in _of_scope(scope, counts.of(scope), model, medoids[scope])]


def _of_scope(
    scope: str, counts: CountedCustomers, model: WholeModel, medoids: Mapping[int, list[str]]
) -> list[dict[str, Any]]:
    quarters = counts.quarters("cluster_id")
    # Of a new scope nobody has a cluster.
    found = [one for one in counts.values("cluster_id") if one.of[0] is not None]
    shared: dict[str | None, dict[str | None, int]] = {}
    for one in counts.crossed("cluster and segment"):
        shared.setdefault(one.of[0], {})[one.of[1]] = one.customers
    columns = list(dict.fromkeys([*MEASURED_AS.values(), *model.columns]))
    everyone = sum(one.customers for one in counts.values("cluster_id"))
    revenue = sum(one.sums["revenue"] or 0 for one in counts.values("cluster_id"))
    names = dict(zip(model.ids, model.names, strict=True))
    spaces = {cluster: part.space for part in model.parts for cluster in part.ids}
    profiles = []
    for cluster, one in sorted((int(str(one.of[0])), one) for one in found):
        share = one.customers / everyone
        revenue_share = float(one.sums["revenue"] or 0) / float(revenue) if revenue else None
        mine = {column: quarters.get((str(cluster), column), (None,) * 3) for column in columns}
        features = [_feature_row(feature, one, mine) for feature in spaces[cluster].features]
        profiles.append(
            {
                "scope": scope,
                "cluster_id": cluster,
                "name": names[cluster],
                "customers": one.customers,
                "share": share,
                "revenue": one.sums["revenue"],
                "revenue_share": revenue_share,
                **means_of(one.sums, one.customers),
                **{f"median_{name}": mine[column][1] for name, column in MEASURED_AS.items()},
                "insight": insight({f["feature"]: f["z"] for f in features}, share, revenue_share),
                "features": features,
                "medoids": medoids[cluster],
                "segments": shared[str(cluster)],
            }
        )
    return profiles


def _medoids(assigned: DataFrame, *, parted: bool) -> dict[str, dict[int, list[str]]]:
    """The customers nearest to each centre, by scope and cluster."""
    if not parted:
        nearest = F.min_by("customer_id", F.struct("cluster_distance", "customer_id"), MEDOIDS)
        return {ALL: {row[0]: list(row[1]) for row in assigned.groupBy("cluster_id").agg(nearest).collect()}}
    place = F.struct("cluster_distance", "customer_id")
    rows = assigned.groupBy(SCOPE_COLUMN, "cluster_id").agg(F.min_by(place, place, MEDOIDS)).collect()
    found: dict[str, dict[int, list[tuple[float, str]]]] = {ALL: {}}
    for scope, cluster, near in rows:
        for name in (scope, ALL):
            found.setdefault(name, {}).setdefault(cluster, []).extend((one[0], one[1]) for one in near)
    return {
        scope: {cluster: [customer for _, customer in sorted(near)[:MEDOIDS]] for cluster, near in mine.items()}
        for scope, mine in found.items()
    }


def _feature_row(feature: Feature, one: Count, quarters: Mapping[str, tuple[float | None, ...]]) -> dict[str, Any]:
    name = feature.column
    q1, median, q3 = quarters[name]
    mean = mean_of(one.sums[f"whole_{name}"], one.sums[f"part_{name}"], one.sums[f"present_{name}"])
    z = float(one.sums[f"coordinate_{name}"]) / (_UNIT * math.sqrt(feature.weight)) / one.customers
    return {"feature": name, "mean": mean, "median": median, "q1": q1, "q3": q3, "z": z}
