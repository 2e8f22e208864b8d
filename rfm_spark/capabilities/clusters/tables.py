"""The tables of clusters: models, decisions, lineage, scans, profiles, and moves between clusters."""

from __future__ import annotations

from rfm_spark.core.table import SCOPE, Table, run_table

CLUSTER_MODELS = Table("cluster_models", "ledger", "One row per cluster model and scope: all that assigning takes", (
    ("model_version", "STRING", "Model"),
    ("features", "ARRAY<STRING>", "Columns, in the order of the centres"),
    ("transforms", "ARRAY<STRING>", "Transform of each feature"),
    ("means", "ARRAY<DOUBLE>", "Mean of each transformed feature"),
    ("scales", "ARRAY<DOUBLE>", "Population standard deviation of each transformed feature"),
    ("weights", "ARRAY<DOUBLE>", "Weight of each feature"),
    ("centres", "ARRAY<ARRAY<DOUBLE>>", "Centres in feature space, by cluster_id from 1"),
    ("names", "ARRAY<STRING>", "Cluster names, by cluster_id from 1"),
    ("k", "INT", "Number of clusters"),
    ("origin", "STRING", "How the centres were found"),
    ("inertia", "DOUBLE", "Sum of squared distances of all customers to their centre, in training"),
    ("trained_on", "STRING", "Run whose customers it was trained on"),
    ("parent_version", "STRING", "Model it replaces"),
    ("config_name", "STRING", "Segmentation it belongs to"),
    ("trained_as_of", "DATE", "As-of date of that run"),
    ("definition", "STRING", "Hash of the cluster configuration it was trained under"),
    ("lows", "ARRAY<DOUBLE>", "Transformed values below are clipped to this; null leaves that end open"),
    ("highs", "ARRAY<DOUBLE>", "Likewise above"),
    ("fills", "ARRAY<DOUBLE>", "Transformed value that stands for a missing one"),
    ("missing", "ARRAY<DOUBLE>", "Share of customers without a value in training, 0 to 1"),
    ("dropped", "ARRAY<STRING>", "Features left out because everyone had the same value"),
    ("cluster_ids", "ARRAY<INT>", "Id of each centre; an id is never given to another cluster"),
    ("last_id", "INT", "Highest id given so far in this line of models"),
    ("cell_width", "DOUBLE", "Width of the cells it was fitted on, in standard deviations"),
    ("cells", "BIGINT", "How many cells"),
    ("customers", "BIGINT", "How many customers it was trained on"),
    ("restart_spread", "DOUBLE", "Inertia of the worst start over the best, minus 1"),
    ("ari_floor", "DOUBLE", "Adjusted Rand index with a fit from other seeds: what reseeding alone changes"),
    ("decided", "STRING", "How k was found: auto, fixed, no_stable_k (fallback_k) or degenerate"),
    ("prediction_strength", "DOUBLE", "Of its k"),
    ("null_strength", "DOUBLE", "What prediction_strength had to exceed"),
    ("stability", "ARRAY<DOUBLE>", "Mean bootstrap Jaccard of each cluster"),
    ("silhouette", "DOUBLE", "Mean squared-Euclidean silhouette of all customers in training"),
    ("spread", "ARRAY<DOUBLE>", "Mean squared distance of each cluster's customers to its centre, in training"),
    ("sizes", "ARRAY<BIGINT>", "Customers of each cluster, in training"),
    ("cells_kind", "STRING", "What it was fitted on: cells of a grid, or a sample of customers; grid or sample"),
    ("cells_inertia", "DOUBLE", "Sum of squared distances on these, the customers taken to be at them"),
    (
        "reference",
        "ARRAY<STRUCT<feature: STRING, cells: ARRAY<INT>, counts: ARRAY<BIGINT>, missing: BIGINT>>",
        "How the customers of the training are spread over each feature, as in distributions",
    ),
    SCOPE,
    ("also_of", "ARRAY<STRING>", "Scopes with too few customers for clusters of their own, who are assigned by these"),
), run_key="model_version")  # fmt: skip

CLUSTER_PROMOTIONS = Table("cluster_promotions", "ledger", "One row per decision of a person on cluster models", (
    ("config_name", "STRING", "Segmentation"),
    ("action", "STRING", "promote, pin or unpin"),
    ("model_version", "STRING", "Model concerned; null for unpin"),
    ("effective_from", "DATE", "First as-of date it holds for"),
    ("decided_at", "TIMESTAMP", "When"),
))  # fmt: skip

CLUSTER_LINEAGE = Table("cluster_lineage", "ledger", "One row per thing that happened to clusters in a refit", (
    ("model_version", "STRING", "New model"),
    ("parent_version", "STRING", "Model before"),
    ("event", "STRING", "survived, split, absorbed, disappeared or emerged"),
    ("old_ids", "ARRAY<INT>", "Clusters before"),
    ("new_ids", "ARRAY<INT>", "Clusters now"),
    ("overlap", "DOUBLE", "survived: Jaccard similarity; otherwise the share of the old cluster found again"),
    SCOPE,
), run_key="model_version")  # fmt: skip

CLUSTER_SCAN = run_table(
    "cluster_scan", "One row per number of clusters looked at; only of runs that trained a model",
    SCOPE,
    ("k", "INT", "Number of clusters"),
    ("inertia", "DOUBLE", "Sum of squared distances on the cells, best of the restarts"),
    ("silhouette", "DOUBLE", "Mean squared-Euclidean silhouette, customers taken to be at their cells"),
    ("prediction_strength", "DOUBLE", "Weakest cluster's share of pairs that the other half sample keeps together"),
    ("null_strength", "DOUBLE", "What single normal clouds of that covariance reach, to be exceeded; null below 0.8"),
    ("jaccard_mean", "DOUBLE", "Mean over the clusters of their bootstrap Jaccard"),
    ("jaccard_min", "DOUBLE", "Of the least stable cluster"),
    ("smallest_share", "DOUBLE", "Share of customers in the smallest cluster, 0 to 1"),
    ("chosen", "BOOLEAN", "Whether the model has this k"),
    ("restart_spread", "DOUBLE", "Inertia of the worst restart over the best, minus 1"),
    ("knee", "BOOLEAN", "Whether the inertia curve bends most here"),
    ("separation", "DOUBLE", "Of the least separated neighbours, in sd of what one cloud gives; null if not stable"),
    ("stable", "BOOLEAN", "Whether strength, Jaccard and separation are above their limits"),
)  # fmt: skip

CLUSTER_PROFILES = run_table(
    "cluster_profiles", "One row per cluster; where scopes part customers, one for each scope and one for everybody",
    SCOPE,
    ("cluster_id", "INT", "Cluster"),
    ("name", "STRING", "Name drawn from the profile"),
    ("customers", "BIGINT", "Customers in it"),
    ("share", "DOUBLE", "Their share of all customers of the scope, 0 to 1"),
    ("revenue", "DECIMAL(28,2)", "Sum of monetary"),
    ("revenue_share", "DOUBLE", "Its share of all revenue of the scope, 0 to 1"),
    ("mean_recency", "DOUBLE", "Mean of recency_days"),
    ("mean_frequency", "DOUBLE", "Mean of frequency"),
    ("mean_monetary", "DOUBLE", "Mean of monetary"),
    ("median_recency", "DOUBLE", "Median of recency_days (lower middle value)"),
    ("median_frequency", "DOUBLE", "Median of frequency (lower middle value)"),
    ("median_monetary", "DOUBLE", "Median of monetary (lower middle value)"),
    ("insight", "STRING", "What the numbers say, in a sentence"),
    (
        "features",
        "ARRAY<STRUCT<feature: STRING, mean: DOUBLE, median: DOUBLE, q1: DOUBLE, q3: DOUBLE, z: DOUBLE>>",
        "Per feature in its own unit; z is the mean on the standardised scale, against all customers in training",
    ),
    ("medoids", "ARRAY<STRING>", "Customers nearest to the centre: the most typical ones"),
    ("segments", "MAP<STRING,BIGINT>", "Customers per rule segment"),
)  # fmt: skip

TABLES = (CLUSTER_MODELS, CLUSTER_PROFILES, CLUSTER_SCAN, CLUSTER_LINEAGE, CLUSTER_PROMOTIONS)
