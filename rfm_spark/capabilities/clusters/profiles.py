"""What each cluster looks like: size, revenue, typical values and customers, and the rule segments it overlaps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.names import insight
from rfm_spark.core.stats import exact_mean
from rfm_spark.core.typical import MEASURED_AS, means, quantiles_by_group

MEDOIDS = 3
_UNIT = 1e9


def cluster_profiles(assigned: DataFrame, model: ClusterModel) -> list[dict[str, Any]]:
    """Profile of every cluster that has customers.

    Args:
        assigned: customer_id, cluster_id, cluster_distance, segment, recency_days, frequency, monetary and the
            features' columns.
        model: that assigned them.

    Returns:
        The columns of table `cluster_profiles` without run keys, ascending by cluster_id.
    """
    rows = (
        assigned.groupBy("cluster_id")
        .agg(
            F.count(F.lit(1)).alias("customers"),
            F.sum("monetary").cast("decimal(28,2)").alias("revenue"),
            *means(),
            *(value for at in range(len(model.space.features)) for value in _of_feature(model, at)),
            F.min_by("customer_id", F.struct("cluster_distance", "customer_id"), MEDOIDS).alias("medoids"),
        )
        .collect()
    )
    shared = assigned.groupBy("cluster_id", "segment").count().collect()
    columns = list(dict.fromkeys([*MEASURED_AS.values(), *model.space.columns]))
    quartiles = quantiles_by_group(assigned, "cluster_id", columns, (1, 2, 3), 4)
    everyone = sum(row["customers"] for row in rows)
    revenue = sum(row["revenue"] or 0 for row in rows)
    names = dict(zip(model.ids, model.names, strict=True))
    profiles = []
    for row in sorted(rows, key=lambda row: int(row["cluster_id"])):
        share = row["customers"] / everyone
        revenue_share = float(row["revenue"] or 0) / float(revenue) if revenue else None
        mine = {column: quartiles.get((str(row["cluster_id"]), column), (None,) * 3) for column in columns}
        features = [_feature_row(model, at, row, mine) for at in range(len(model.space.features))]
        profiles.append(
            {
                "scope": "all",
                "cluster_id": row["cluster_id"],
                "name": names[row["cluster_id"]],
                "customers": row["customers"],
                "share": share,
                "revenue": row["revenue"],
                "revenue_share": revenue_share,
                **{f"mean_{name}": row[f"mean_{name}"] for name in MEASURED_AS},
                **{f"median_{name}": mine[column][1] for name, column in MEASURED_AS.items()},
                "insight": insight({f["feature"]: f["z"] for f in features}, share, revenue_share),
                "features": features,
                "medoids": list(row["medoids"]),
                "segments": {s["segment"]: s["count"] for s in shared if s["cluster_id"] == row["cluster_id"]},
            }
        )
    return profiles


def _of_feature(model: ClusterModel, at: int) -> list[Column]:
    feature = model.space.features[at]
    raw = F.col(feature.column).cast("double")
    coordinate = F.round(feature.coordinate * F.lit(_UNIT)).cast("decimal(20,0)")
    return [
        exact_mean(raw).alias(f"mean_{at}"),
        (F.sum(coordinate).cast("double") / F.lit(_UNIT * math.sqrt(feature.weight)) / F.count(F.lit(1))).alias(
            f"z_{at}"
        ),
    ]


def _feature_row(
    model: ClusterModel, at: int, row: Any, quartiles: Mapping[str, tuple[float | None, ...]]
) -> dict[str, Any]:
    column = model.space.features[at].column
    q1, median, q3 = quartiles[column]
    return {"feature": column, "mean": row[f"mean_{at}"], "median": median, "q1": q1, "q3": q3, "z": row[f"z_{at}"]}
