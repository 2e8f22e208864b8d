"""The table of customers, with the columns of every capability, and the summary by segment."""

from __future__ import annotations

from rfm_spark.core.table import SCOPE, run_table

SEGMENTS = run_table(
    "segments", "One row per customer: measures, scores, segment and cluster",
    SCOPE,
    ("customer_id", "STRING", "Customer"),
    of_customers=True,
    run_columns=("model_version",),
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

TABLES = (SEGMENTS, SEGMENT_SUMMARY)
