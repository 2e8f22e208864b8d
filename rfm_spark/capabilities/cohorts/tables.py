"""The table of cohorts."""

from __future__ import annotations

from rfm_spark.core.table import SCOPE, run_table

COHORTS = run_table(
    "cohorts", "One row per cohort and period since it began, that one included",
    SCOPE,
    ("length", "STRING", "Of a period: month or week"),
    ("cohort_month", "DATE", "First day of the month, or of the week, in which its customers began"),
    ("period", "INT", "Months, or weeks, since then; 0 is the one in which they began"),
    ("period_start", "DATE", "First day of the period"),
    ("customers", "BIGINT", "Customers who began in cohort_month"),
    ("active", "BIGINT", "Of them, those with a purchase in the period; with first_event those with an event"),
    ("retention", "DOUBLE", "active as a share of customers, 0 to 1"),
    ("orders", "BIGINT", "Their purchases in the period"),
    ("orders_per_customer", "DOUBLE", "orders by customers of the cohort, active or not"),
    ("revenue", "DECIMAL(28,2)", "Their orders in the period, less what was refunded of these orders since"),
    ("revenue_per_customer", "DOUBLE", "revenue by customers of the cohort, active or not"),
    ("cumulated_revenue", "DECIMAL(28,2)", "Their revenue from the beginning to the end of the period"),
    ("tiers", "MAP<STRING,DOUBLE>", "Share of each engagement tier at the last run in the period; null without a run"),
    ("existing_at_start", "BOOLEAN", "Whether the data begin so late that its customers may have been there before"),
    ("is_complete", "BOOLEAN", "Whether the period is over as of as_of_date; if not, its figures will grow"),
)  # fmt: skip

TABLES = (COHORTS,)
