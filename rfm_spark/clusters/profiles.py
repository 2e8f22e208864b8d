"""What each cluster looks like: size, revenue, typical values and customers, and the rule segments it overlaps."""

from __future__ import annotations

import math
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.clusters.model import ClusterModel
from rfm_spark.clusters.names import insight

MEDOIDS = 3
TYPICAL = tuple(f"{kind}_{measure}" for kind in ("mean", "median") for measure in ("recency", "frequency", "monetary"))
_UNIT = 1e9


def typical_values() -> list[Column]:
    """Mean (from exact sums) and lower median of the three measures, named as in the tables."""
    columns = {"recency": "recency_days", "frequency": "frequency", "monetary": "monetary"}
    means = [
        (F.sum(F.col(column).cast("decimal(20,2)")).cast("double") / F.count(F.lit(1))).alias(f"mean_{name}")
        for name, column in columns.items()
    ]
    medians = [_quantile(column, 0.5).alias(f"median_{name}") for name, column in columns.items()]
    return [*means, *medians]


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
            *typical_values(),
            *(value for at in range(len(model.space.features)) for value in _of_feature(model, at)),
            F.min_by("customer_id", F.struct("cluster_distance", "customer_id"), MEDOIDS).alias("medoids"),
        )
        .collect()
    )
    shared = assigned.groupBy("cluster_id", "segment").count().collect()
    everyone = sum(row["customers"] for row in rows)
    revenue = sum(row["revenue"] or 0 for row in rows)
    names = dict(zip(model.ids, model.names, strict=True))
    profiles = []
    for row in sorted(rows, key=lambda row: int(row["cluster_id"])):
        share = row["customers"] / everyone
        revenue_share = float(row["revenue"] or 0) / float(revenue) if revenue else None
        features = [_feature_row(model, at, row) for at in range(len(model.space.features))]
        profiles.append(
            {
                "scope": "all",
                "cluster_id": row["cluster_id"],
                "name": names[row["cluster_id"]],
                "customers": row["customers"],
                "share": share,
                "revenue": row["revenue"],
                "revenue_share": revenue_share,
                **{name: row[name] for name in TYPICAL},
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
    exact = F.round(raw * F.lit(1e6)).cast("decimal(28,0)")
    coordinate = F.round(feature.coordinate * F.lit(_UNIT)).cast("decimal(20,0)")
    return [
        (F.sum(exact).cast("double") / F.lit(1e6) / F.count(raw)).alias(f"mean_{at}"),
        *(_quantile(feature.column, q / 4).alias(f"q{q}_{at}") for q in (1, 2, 3)),
        (F.sum(coordinate).cast("double") / F.lit(_UNIT * math.sqrt(feature.weight)) / F.count(F.lit(1))).alias(
            f"z_{at}"
        ),
    ]


def _feature_row(model: ClusterModel, at: int, row: Any) -> dict[str, Any]:
    return {
        "feature": model.space.features[at].column,
        "mean": row[f"mean_{at}"],
        "median": row[f"q2_{at}"],
        "q1": row[f"q1_{at}"],
        "q3": row[f"q3_{at}"],
        "z": row[f"z_{at}"],
    }


def _quantile(column: str, share: float) -> Column:
    # The share is of our own making, and the columns are those of the customer row.
    return F.expr(f"percentile_disc({share}) WITHIN GROUP (ORDER BY CAST({column} AS DOUBLE))")
