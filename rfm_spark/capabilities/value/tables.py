"""The tables of value."""

from __future__ import annotations

from rfm_spark.core.table import SCOPE, run_table

VALUE_SUMMARY = run_table(
    "value_summary", "One row per scope: how much of the revenue comes from how few customers",
    SCOPE,
    ("customers", "BIGINT", "Customers"),
    ("revenue", "DECIMAL(28,2)", "Monetary value of all of them"),
    ("gini", "DOUBLE", "Gini coefficient of monetary value: 0 where all spend the same, near 1 where one spends all"),
    ("top_10_share", "DOUBLE", "Share of the revenue that the tenth of the customers who spend most brings"),
    ("top_20_share", "DOUBLE", "The same of the fifth"),
    ("segment_concentration", "DOUBLE", "Sum of the squared shares of segments in the revenue (Herfindahl), 0 to 1"),
    ("clv", "DOUBLE", "Sum of clv; null where it is off"),
    ("at_risk_by", "STRING", "What tells of risk: churn_probability or p_alive; null where neither is known"),
    ("value_at_risk", "DOUBLE", "Monetary value, each customer's times the probability that they stop"),
    ("value_lost", "DOUBLE", "Monetary value of customers who have been silent for so long that they are gone already"),
    ("risk_unknown", "BIGINT", "Customers of whom nothing tells whether they stop; in neither of these"),
    ("negative", "DECIMAL(28,2)", "Monetary values below zero, by refunds; they count as nothing in all but revenue"),
)  # fmt: skip

VALUE_CURVE = run_table(
    "value_curve", "The Pareto curve of revenue: a row per scope and hundredth of the customers, who spend most first",
    SCOPE,
    ("customers_share", "DOUBLE", "Share of the customers, 0 to 1"),
    ("revenue_share", "DOUBLE", "Share of the revenue that these bring"),
)  # fmt: skip

VALUE_SEGMENTS = run_table(
    "value_segments", "One row per segment, stage, and pair of them: what it is worth and what may be lost",
    SCOPE,
    ("segment", "STRING", "Segment; all for every one"),
    ("lifecycle_stage", "STRING", "Stage; all for every one, and where stages are off"),
    ("customers", "BIGINT", "Customers"),
    ("revenue", "DECIMAL(28,2)", "Their monetary value"),
    ("revenue_pct", "DOUBLE", "Its share of all, in percent"),
    ("clv", "DOUBLE", "Sum of their clv; null where it is off"),
    ("value_at_risk", "DOUBLE", "Their monetary value times the probability that they stop"),
    ("value_lost", "DOUBLE", "Monetary value of those who are gone already"),
    ("reachable", "BIGINT", "Customers who may be written to: not suppressed; null without messages"),
    ("reachable_at_risk", "DOUBLE", "Value at risk of those who may be written to"),
    ("win_back_rank", "INT", "Of segments: 1 for the most reachable value at risk; equal ones share a rank"),
)  # fmt: skip

TABLES = (VALUE_SUMMARY, VALUE_CURVE, VALUE_SEGMENTS)
