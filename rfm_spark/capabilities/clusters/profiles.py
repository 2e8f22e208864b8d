"""What each cluster looks like: size, revenue, typical values and customers, and the rule segments it overlaps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.names import insight
from rfm_spark.core.counting import Count, CountedCustomers
from rfm_spark.core.stats import mean_of, mean_parts
from rfm_spark.core.typical import MEASURED_AS, means_of

MEDOIDS = 3
_UNIT = 1e9


def feature_sums(model: ClusterModel) -> dict[str, Column]:
    """What means of the features are made of, to be added up by cluster."""
    found: dict[str, Column] = {}
    for at, feature in enumerate(model.space.features):
        whole, part, present = mean_parts(F.col(feature.column).cast("double"))
        coordinate = F.round(feature.coordinate * F.lit(_UNIT)).cast("decimal(20,0)")
        found |= {f"whole_{at}": whole, f"part_{at}": part, f"present_{at}": present, f"coordinate_{at}": coordinate}
    return found


def cluster_profiles(assigned: DataFrame, counts: CountedCustomers, model: ClusterModel) -> list[dict[str, Any]]:
    """Profile of every cluster that has customers.

    Args:
        assigned: customer_id, cluster_id, cluster_distance.
        counts: of these customers by cluster_id, with revenue, sums of the measures and of `feature_sums`, and the
            quarters of the measures and the features; and crossed with the segment, as `cluster and segment`.
        model: that assigned them.

    Returns:
        The columns of table `cluster_profiles` without run keys, ascending by cluster_id.
    """
    found, quarters, medoids = counts.values("cluster_id"), counts.quarters("cluster_id"), _medoids(assigned)
    shared: dict[str | None, dict[str | None, int]] = {}
    for one in counts.crossed("cluster and segment"):
        shared.setdefault(one.of[0], {})[one.of[1]] = one.customers
    columns = list(dict.fromkeys([*MEASURED_AS.values(), *model.space.columns]))
    everyone = sum(one.customers for one in found)
    revenue = sum(one.sums["revenue"] or 0 for one in found)
    names = dict(zip(model.ids, model.names, strict=True))
    profiles = []
    for cluster, one in sorted((int(str(one.of[0])), one) for one in found):
        share = one.customers / everyone
        revenue_share = float(one.sums["revenue"] or 0) / float(revenue) if revenue else None
        mine = {column: quarters.get((str(cluster), column), (None,) * 3) for column in columns}
        features = [_feature_row(model, at, one, mine) for at in range(len(model.space.features))]
        profiles.append(
            {
                "scope": "all",
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


def _medoids(assigned: DataFrame) -> dict[int, list[str]]:
    """The customers nearest to each centre."""
    nearest = F.min_by("customer_id", F.struct("cluster_distance", "customer_id"), MEDOIDS)
    return {row[0]: list(row[1]) for row in assigned.groupBy("cluster_id").agg(nearest).collect()}


def _feature_row(
    model: ClusterModel, at: int, one: Count, quarters: Mapping[str, tuple[float | None, ...]]
) -> dict[str, Any]:
    feature = model.space.features[at]
    q1, median, q3 = quarters[feature.column]
    mean = mean_of(one.sums[f"whole_{at}"], one.sums[f"part_{at}"], one.sums[f"present_{at}"])
    z = float(one.sums[f"coordinate_{at}"]) / (_UNIT * math.sqrt(feature.weight)) / one.customers
    return {"feature": feature.column, "mean": mean, "median": median, "q1": q1, "q3": q3, "z": z}
