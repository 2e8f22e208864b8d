"""The tables other programs read: their columns, types, comments and kinds. Columns may be added, never renamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["run", "kept", "ledger"]
SCHEMA_VERSION = 1
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
    ("drift_verdict", "STRING", "Null while drift is not measured"),
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
    ("record", "STRING", "JSON of the row as it was read"),
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
    ("inertia", "DOUBLE", "Sum of squared distances on the cells"),
    ("trained_on", "STRING", "Run whose customers it was trained on"),
    ("parent_version", "STRING", "Model it replaces"),
))  # fmt: skip

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
)  # fmt: skip

TABLES = {
    table.name: table
    for table in (
        RUNS, CLAIMS, ORDERS, REJECTS, SEGMENTS, SEGMENT_CUTS, SEGMENT_SUMMARY, SEGMENT_CHANGES,
        SEGMENT_TRANSITIONS, CLUSTER_MODELS, CLUSTER_PROFILES,
    )
}  # fmt: skip
