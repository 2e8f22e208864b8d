"""The tables other programs read: their columns, types, comments and kinds. Columns may be added, never renamed."""

from __future__ import annotations

from rfm_spark.core.cluster_tables import (
    CLUSTER_LINEAGE,
    CLUSTER_MODELS,
    CLUSTER_PROFILES,
    CLUSTER_PROMOTIONS,
    CLUSTER_SCAN,
    CLUSTER_TRANSITIONS,
)
from rfm_spark.core.interaction_tables import CUSTOMER_COLUMNS, ENGAGEMENT, ENGAGEMENT_SUMMARY, INTERACTIONS, TRACKING
from rfm_spark.core.table import RUN_KEYS, SCOPE, Table, run_table

SCHEMA_VERSION = 6
NO_SEGMENT = "(none)"
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
    ("exit_code", "INT", "0, or 4 where drift was at or above --fail-on"),
    ("inputs", "MAP<STRING,STRING>", "Source to Delta version or content fingerprint"),
    ("outputs", "MAP<STRING,BIGINT>", "Table to the Delta version that holds the run"),
    ("rows", "MAP<STRING,BIGINT>", "Counts of rows read, rejected and written"),
    ("money", "MAP<STRING,DECIMAL(28,2)>", "Sums of money read and published"),
    ("warnings", "ARRAY<STRING>", "What a reader of the figures should know"),
    ("drift_verdict", "STRING", "Gravest drift found: none, insufficient, changed, moderate or major"),
    ("status", "STRING", "ok; thin, when there was too little data for RFM to mean much; empty, without customers"),
    ("contents", "MAP<STRING,STRING>", "Source to a fingerprint of its rows dated up to as_of_date"),
    ("schemas", "MAP<STRING,STRING>", "Source to the names and types of its columns"),
    (
        "steps",
        "ARRAY<STRUCT<step:STRING,seconds:DOUBLE,rows:BIGINT,reads:ARRAY<STRING>,writes:MAP<STRING,BIGINT>>>",
        "Each step of the run: seconds, rows dealt with, sources and tables read, tables written with their rows",
    ),
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

REJECTS = run_table(
    "rejects", "One row per rejected input row; readable also when the run failed its gate",
    ("source", "STRING", "Source of the row"),
    ("reason", "STRING", "Code of the rule that rejected it"),
    ("detail", "STRING", "The value that was not usable"),
    ("record", "STRING", "JSON of the row as it was read; a line that could not be parsed is in it as raw text"),
    ("first_seen_run", "STRING", "Run that first rejected this row for this reason"),
)  # fmt: skip

SEGMENTS = run_table(
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
    ("segment_before", "STRING", "Segment they came from, before these; null since their first run"),
    ("lifecycle_stage", "STRING", "Null while that stage is off"),
    ("engagement_tier", "STRING", "Tier over all channels; null without messages"),
    ("p_alive", "DOUBLE", "Null while that stage is off"),
    ("expected_orders", "DOUBLE", "Null while that stage is off"),
    ("clv", "DOUBLE", "Null while that stage is off"),
    ("churn_probability", "DOUBLE", "Null while that stage is off"),
    *CUSTOMER_COLUMNS,
)  # fmt: skip

SEGMENT_CUTS = run_table(
    "segment_cuts", "One row per measure (and outer score when nested): the cut points scores were made with",
    SCOPE,
    ("measure", "STRING", "recency_days, frequency or monetary"),
    ("within", "STRING", "Outer scores when nested, as r=3; empty otherwise"),
    ("method", "STRING", "quantile, fixed or frozen"),
    ("bins", "INT", "Number of scores asked for"),
    ("cuts", "ARRAY<DOUBLE>", "Cut points: score = 1 + cuts strictly below the value, reversed for recency"),
    ("distinct_scores", "INT", "Scores that can occur; fewer than bins when cuts coincide"),
)  # fmt: skip

SEGMENT_SUMMARY = run_table(
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

SEGMENT_CHANGES = run_table(
    "segment_changes", "One row per customer whose segment differs from the previous run's",
    SCOPE,
    ("customer_id", "STRING", "Customer"),
    ("previous_run_id", "STRING", "Run compared with"),
    ("from_segment", "STRING", f"Segment before; {NO_SEGMENT} for a customer who entered"),
    ("to_segment", "STRING", f"Segment now; {NO_SEGMENT} for a customer who left"),
    ("cause", "STRING", "Why: " + ", ".join(CAUSES[:-1])),
)  # fmt: skip

SEGMENT_TRANSITIONS = run_table(
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


DISTRIBUTIONS = run_table(
    "distributions", "One row per column looked at for drift: how the customers are spread over its values",
    SCOPE,
    ("feature", "STRING", "Column of segments"),
    ("cells", "ARRAY<INT>", "Ascending cells of a number x: sign(x) · round(256 · log(1 + |x|)); null for a category"),
    ("labels", "ARRAY<STRING>", "Values of a category, in order; null for a number"),
    ("counts", "ARRAY<BIGINT>", "Customers per cell or label"),
    ("missing", "BIGINT", "Customers without a value"),
)  # fmt: skip

DRIFT = run_table(
    "drift", "One row per figure that tells whether something drifted",
    SCOPE,
    ("metric", "STRING", "psi, w1, missing_rate, zero_rate, volume, rate, regret, ari, spread, …; or verdict"),
    ("subject", "STRING", "A column, a cluster (as its id) or all"),
    ("against", "STRING", "previous (run), training (of the champion), or past or earlier (weeks of the same rate)"),
    ("value", "DOUBLE", "The figure"),
    ("threshold", "DOUBLE", "From here on it counts; null where it is only told"),
    ("severity", "STRING", "none, insufficient, changed, moderate or major"),
    ("p_value", "DOUBLE", "Of so large a figure without a change; null where none is taken"),
    ("previous_run_id", "STRING", "Run compared with"),
    ("detail", "STRING", "In words"),
)  # fmt: skip


TABLES = {
    table.name: table
    for table in (
        RUNS, CLAIMS, ORDERS, REJECTS, SEGMENTS, SEGMENT_CUTS, SEGMENT_SUMMARY, SEGMENT_CHANGES,
        SEGMENT_TRANSITIONS, CLUSTER_MODELS, CLUSTER_PROFILES, CLUSTER_SCAN, CLUSTER_LINEAGE, CLUSTER_PROMOTIONS,
        CLUSTER_TRANSITIONS, DISTRIBUTIONS, DRIFT, INTERACTIONS, ENGAGEMENT, ENGAGEMENT_SUMMARY, TRACKING,
    )
}  # fmt: skip
