"""What a customer's row says of their cluster."""

from __future__ import annotations

from rfm_spark.core.columns import CustomerColumn

_STAGE = "clusters"

COLUMNS = (
    CustomerColumn(
        "cluster_id", "INT", "Nearest cluster", "whole", "cluster", low=0, stage=_STAGE, interval="cluster"
    ),
    CustomerColumn("cluster_name", "STRING", "Name of that cluster", "text", "cluster name", stage=_STAGE),
    CustomerColumn(
        "cluster_distance", "DOUBLE", "Euclidean distance to its centre in feature space", "real",
        "distance to the cluster centre", low=0, stage=_STAGE,
    ),
    CustomerColumn(
        "second_distance", "DOUBLE", "Distance to the second nearest centre", "real", "distance to the second centre",
        low=0, stage=_STAGE,
    ),
    CustomerColumn("model_version", "STRING", "Cluster model", stage=_STAGE),
    CustomerColumn(
        "cluster_imputed", "ARRAY<STRING>", "Features without a value, for which a stand-in was taken", stage=_STAGE
    ),
)  # fmt: skip
