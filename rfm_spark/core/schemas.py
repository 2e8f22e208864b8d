"""The tables other programs read: their columns, types, comments and kinds. Columns may be added, never renamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["run", "kept", "ledger"]
SCHEMA_VERSION = 4
RUN_KEYS = (
    ("run_id", "STRING", "Run that wrote the row"),
    ("as_of_date", "DATE", "Last day that counts, inclusive"),
)
SCOPE = ("scope", "STRING", "Group the customer is scored in; all when there is one")
NO_SEGMENT = "(none)"


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    Attributes:
        name: as users read it.
        kind: run (replaced by run_id), kept (maintained in place) or ledger (only grows).
        comment: one row per what.
        columns: name, SQL type and comment of each, keys first.
        partitioned: whether it is partitioned by run_id.
    """

    name: str
    kind: Kind
    comment: str
    columns: tuple[tuple[str, str, str], ...]
    partitioned: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(name for name, _, _ in self.columns)

    @property
    def ddl(self) -> str:
        """The columns as Spark's DDL text, which createDataFrame takes as a schema."""
        return ", ".join(f"`{name}` {kind}" for name, kind, _ in self.columns)


def _run_table(name: str, comment: str, *columns: tuple[str, str, str]) -> Table:
    return Table(name, "run", comment, (*RUN_KEYS, *columns), partitioned=True)


_PURCHASES_IN_WINDOW = "Purchases in the window"
_MONEY = "DECIMAL(18,2)"

RUNS = Table("runs", "ledger", "One row per complete run, written last", (
    *RUN_KEYS,
    ("config_name", "STRING", "Name of the segmentation"),
    ("config", "STRING", "Canonical JSON of the configuration with the rule map, without secrets"),
    ("config_hash", "STRING", "SHA-256 of config"),
    ("code_version", "STRING", "Version of rfm-spark"),
    ("spark_version", "STRING", "Version of Spark"),
    ("previous_run_id", "STRING", "Current run of the nearest earlier as-of date"),
    ("model_version", "STRING", "Cluster model the customers were assigned by"),
    ("started_at", "TIMESTAMP", "Start of the run"),
    ("finished_at", "TIMESTAMP", "When the run became visible"),
    ("exit_code", "INT", "Repeated when the run is asked for again"),
    ("inputs", "MAP<STRING,STRING>", "Source to Delta version or content fingerprint"),
    ("outputs", "MAP<STRING,BIGINT>", "Table to the Delta version that holds the run"),
    ("rows", "MAP<STRING,BIGINT>", "Counts of rows read, rejected and written"),
    ("money", "MAP<STRING,DECIMAL(28,2)>", "Sums of money read and published"),
    ("warnings", "ARRAY<STRING>", "What a reader of the figures should know"),
    ("drift_verdict", "STRING", "Gravest drift found: none, insufficient, changed, moderate or major"),
    ("status", "STRING", "ok; thin, when there was too little data for RFM to mean much; empty, without customers"),
    ("contents", "MAP<STRING,STRING>", "Source to a fingerprint of its rows dated up to as_of_date"),
    ("schemas", "MAP<STRING,STRING>", "Source to the names and types of its columns"),
))  # fmt: skip

CLAIMS = Table("claims", "ledger", "One row per slot (config_name, as_of_date), held by one run at a time", (
    ("config_name", "STRING", "Name of the segmentation"),
    ("as_of_date", "DATE", "As-of date of the slot"),
    ("run_id", "STRING", "Run that holds or last held the slot"),
    ("token", "STRING", "Identifies the process that holds it"),
    ("host", "STRING", "Machine of that process"),
    ("pid", "BIGINT", "Process id on that machine"),
    ("expires_at", "TIMESTAMP", "After this the slot is free"),
))  # fmt: skip

ORDERS = Table("orders", "kept", "One row per order: lines of one customer_id and order_id", (
    ("customer_id", "STRING", "Customer"),
    ("order_id", "STRING", "Order; made from time or day where the source has none"),
    ("order_ts", "TIMESTAMP", "Time of the latest sale line"),
    ("order_date", "DATE", "Date of order_ts in the configured time zone"),
    ("gross", _MONEY, "Sum of the sale lines"),
    ("refunds", _MONEY, "Sum of the refund lines, as a positive amount"),
    ("net", _MONEY, "gross minus refunds"),
    ("voided_on", "DATE", "Date of the refund that left nothing of the order"),
    ("lines", "BIGINT", "Lines of the order"),
    ("currency", "STRING", "Currency of the latest line"),
    ("channel", "STRING", "Channel of the latest line"),
))  # fmt: skip

REJECTS = _run_table(
    "rejects", "One row per rejected input row; readable also when the run failed its gate",
    ("source", "STRING", "Source of the row"),
    ("reason", "STRING", "Code of the rule that rejected it"),
    ("detail", "STRING", "The value that was not usable"),
    ("record", "STRING", "JSON of the row as it was read; a line that could not be parsed is in it as raw text"),
    ("first_seen_run", "STRING", "Run that first rejected this row for this reason"),
)  # fmt: skip

SEGMENTS = _run_table(
    "segments", "One row per customer: measures, scores, segment and cluster",
    SCOPE,
    ("customer_id", "STRING", "Customer"),
    ("recency_days", "INT", "Days from the last purchase to as_of_date, over all history"),
    ("frequency", "BIGINT", _PURCHASES_IN_WINDOW),
    ("monetary", _MONEY, "Gross minus refunds dated in the window"),
    ("first_order_date", "DATE", "First purchase, over all history"),
    ("last_order_date", "DATE", "Last purchase, over all history"),
    ("r_pct", "DOUBLE", "Percentile of recency: share strictly worse plus half the ties, 0 to 100"),
    ("f_pct", "DOUBLE", "Percentile of frequency"),
    ("m_pct", "DOUBLE", "Percentile of monetary value"),
    ("r_z", "DOUBLE", "z-score of recency_days (population standard deviation)"),
    ("f_z", "DOUBLE", "z-score of frequency"),
    ("m_z", "DOUBLE", "z-score of monetary"),
    ("outliers", "ARRAY<STRING>", "Measures with |z| above 3"),
    ("r_score", "INT", "Recency score, highest is most recent"),
    ("f_score", "INT", "Frequency score"),
    ("m_score", "INT", "Monetary score"),
    ("rfm_code", "STRING", "The three scores, as 545; with hyphens where a measure has 10 bins"),
    ("rfm_weighted", "DOUBLE", "Weighted mean of the three scores"),
    ("value_tier", "STRING", "top_10 is the best tenth, top_20 the next, to top_100"),
    ("segment", "STRING", "Rule segment"),
    ("confirmed_segment", "STRING", "Segment after flicker control; equal to segment without it"),
    ("cluster_id", "INT", "Nearest cluster"),
    ("cluster_name", "STRING", "Name of that cluster"),
    ("cluster_distance", "DOUBLE", "Euclidean distance to its centre in feature space"),
    ("second_distance", "DOUBLE", "Distance to the second nearest centre"),
    ("model_version", "STRING", "Cluster model"),
    ("cluster_imputed", "ARRAY<STRING>", "Features without a value, for which a stand-in was taken"),
    ("tenure_days", "INT", "Days from the first purchase to as_of_date"),
    ("lines", "BIGINT", "Lines of the source that counted, over all history"),
    ("segment_runs", "INT", "Runs in a row, this one included, that found the customer in this segment"),
    ("segment_before", "STRING", "Segment he came from, before these; null since his first run"),
    ("lifecycle_stage", "STRING", "Null while that stage is off"),
    ("engagement_tier", "STRING", "Null while that stage is off"),
    ("p_alive", "DOUBLE", "Null while that stage is off"),
    ("expected_orders", "DOUBLE", "Null while that stage is off"),
    ("clv", "DOUBLE", "Null while that stage is off"),
    ("churn_probability", "DOUBLE", "Null while that stage is off"),
)  # fmt: skip

SEGMENT_CUTS = _run_table(
    "segment_cuts", "One row per measure (and outer score when nested): the cut points scores were made with",
    SCOPE,
    ("measure", "STRING", "recency_days, frequency or monetary"),
    ("within", "STRING", "Outer scores when nested, as r=3; empty otherwise"),
    ("method", "STRING", "quantile, fixed or frozen"),
    ("bins", "INT", "Number of scores asked for"),
    ("cuts", "ARRAY<DOUBLE>", "Cut points: score = 1 + cuts strictly below the value, reversed for recency"),
    ("distinct_scores", "INT", "Scores that can occur; fewer than bins when cuts coincide"),
)  # fmt: skip

SEGMENT_SUMMARY = _run_table(
    "segment_summary", "One row per segment",
    SCOPE,
    ("segment", "STRING", "Rule segment"),
    ("label", "STRING", "Its name for people"),
    ("customers", "BIGINT", "Customers in it"),
    ("customers_pct", "DOUBLE", "Their share of all customers, 0 to 100"),
    ("revenue", "DECIMAL(28,2)", "Sum of monetary"),
    ("revenue_pct", "DOUBLE", "Its share of all revenue, 0 to 100"),
    ("mean_recency", "DOUBLE", "Mean of recency_days"),
    ("mean_frequency", "DOUBLE", "Mean of frequency"),
    ("mean_monetary", "DOUBLE", "Mean of monetary"),
    ("median_recency", "DOUBLE", "Median of recency_days (lower middle value)"),
    ("median_frequency", "DOUBLE", "Median of frequency (lower middle value)"),
    ("median_monetary", "DOUBLE", "Median of monetary (lower middle value)"),
    ("action", "STRING", "What the rule map suggests"),
)  # fmt: skip

CAUSES = ("inactivity", "behaviour", "thresholds", "both", "definition", "entered", "left", "masked")

SEGMENT_CHANGES = _run_table(
    "segment_changes", "One row per customer whose segment differs from the previous run's",
    SCOPE,
    ("customer_id", "STRING", "Customer"),
    ("previous_run_id", "STRING", "Run compared with"),
    ("from_segment", "STRING", f"Segment before; {NO_SEGMENT} for a customer who entered"),
    ("to_segment", "STRING", f"Segment now; {NO_SEGMENT} for a customer who left"),
    ("cause", "STRING", "Why: " + ", ".join(CAUSES[:-1])),
)  # fmt: skip

SEGMENT_TRANSITIONS = _run_table(
    "segment_transitions", "One row per pair of segments between the previous run and this one, with the diagonal",
    SCOPE,
    ("previous_run_id", "STRING", "Run compared with"),
    ("from_segment", "STRING", f"Segment before; {NO_SEGMENT} for customers who entered"),
    ("to_segment", "STRING", f"Segment now; {NO_SEGMENT} for customers who left"),
    ("customers", "BIGINT", "Customers who went this way"),
    ("share", "DOUBLE", "Their share of from_segment, 0 to 1"),
    ("low", "DOUBLE", "Lower end of the 95 % Wilson interval of share"),
    ("high", "DOUBLE", "Upper end of it"),
    ("revenue", "DECIMAL(28,2)", "Their monetary now (before, for those who left)"),
    *((cause, "BIGINT", f"Customers with cause {cause}") for cause in CAUSES),
    ("small", "BOOLEAN", "Fewer than 30 customers in from_segment: the share says little"),
)  # fmt: skip

CLUSTER_CAUSES = ("migration", "relabelling", "both", "entered", "left")

CLUSTER_TRANSITIONS = _run_table(
    "cluster_transitions", "One row per pair of clusters between the previous run and this one, with the diagonal",
    SCOPE,
    ("previous_run_id", "STRING", "Run compared with"),
    ("from_cluster", "INT", "Cluster before; null for customers who entered"),
    ("to_cluster", "INT", "Cluster now; null for customers who left"),
    ("customers", "BIGINT", "Customers who went this way"),
    ("share", "DOUBLE", "Their share of from_cluster, 0 to 1"),
    ("low", "DOUBLE", "Lower end of the 95 % Wilson interval of share"),
    ("high", "DOUBLE", "Upper end of it"),
    ("revenue", "DECIMAL(28,2)", "Their monetary now (before, for those who left)"),
    *((cause, "BIGINT", f"Customers with cause {cause}") for cause in CLUSTER_CAUSES),
    ("small", "BOOLEAN", "Fewer than 30 customers in from_cluster: the share says little"),
)  # fmt: skip

DISTRIBUTIONS = _run_table(
    "distributions", "One row per column looked at for drift: how the customers are spread over its values",
    SCOPE,
    ("feature", "STRING", "Column of segments"),
    ("cells", "ARRAY<INT>", "Ascending cells of a number x: sign(x) · round(256 · log(1 + |x|)); null for a category"),
    ("labels", "ARRAY<STRING>", "Values of a category, in order; null for a number"),
    ("counts", "ARRAY<BIGINT>", "Customers per cell or label"),
    ("missing", "BIGINT", "Customers without a value"),
)  # fmt: skip

DRIFT = _run_table(
    "drift", "One row per figure that tells whether something drifted",
    SCOPE,
    ("metric", "STRING", "psi, w1, missing_rate, zero_rate, volume, regret, ari, spread, …; verdict is the whole"),
    ("subject", "STRING", "A column, a cluster (as its id) or all"),
    ("against", "STRING", "previous (run) or training (of the champion)"),
    ("value", "DOUBLE", "The figure"),
    ("threshold", "DOUBLE", "From here on it counts; null where it is only told"),
    ("severity", "STRING", "none, insufficient, changed, moderate or major"),
    ("p_value", "DOUBLE", "Of so large a figure without a change; null where none is taken"),
    ("previous_run_id", "STRING", "Run compared with"),
    ("detail", "STRING", "In words"),
)  # fmt: skip

CLUSTER_MODELS = Table("cluster_models", "ledger", "One row per cluster model: everything needed to assign customers", (
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
    ("lows", "ARRAY<DOUBLE>", "Transformed values below are drawn in to this; null leaves that end open"),
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
))  # fmt: skip

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
))  # fmt: skip

CLUSTER_SCAN = _run_table(
    "cluster_scan", "One row per number of clusters looked at; only of runs that trained a model",
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

CLUSTER_PROFILES = _run_table(
    "cluster_profiles", "One row per cluster",
    SCOPE,
    ("cluster_id", "INT", "Cluster"),
    ("name", "STRING", "Name drawn from the profile"),
    ("customers", "BIGINT", "Customers in it"),
    ("share", "DOUBLE", "Their share of all customers, 0 to 1"),
    ("revenue", "DECIMAL(28,2)", "Sum of monetary"),
    ("revenue_share", "DOUBLE", "Its share of all revenue, 0 to 1"),
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

TABLES = {
    table.name: table
    for table in (
        RUNS, CLAIMS, ORDERS, REJECTS, SEGMENTS, SEGMENT_CUTS, SEGMENT_SUMMARY, SEGMENT_CHANGES,
        SEGMENT_TRANSITIONS, CLUSTER_MODELS, CLUSTER_PROFILES, CLUSTER_SCAN, CLUSTER_LINEAGE, CLUSTER_PROMOTIONS,
        CLUSTER_TRANSITIONS, DISTRIBUTIONS, DRIFT,
    )
}  # fmt: skip
