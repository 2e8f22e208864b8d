"""The tables of subscriptions."""

from __future__ import annotations

from rfm_spark.core.table import run_table

_MONEY = "DECIMAL(18,2)"

MRR = run_table(
    "mrr", "One row per customer who had a subscription up to as_of_date",
    ("customer_id", "STRING", "Customer"),
    ("mrr", _MONEY, "Monthly recurring revenue as of as_of_date; 0 for who has no running subscription"),
    ("plan", "STRING", "Plan of the running subscription that brings most"),
    ("subscriptions", "BIGINT", "Subscriptions that run"),
    ("subscribed_since", "DATE", "Start of the first subscription"),
    ("subscribed_until", "DATE", "Day after the last on which one ran; null while one runs"),
    ("has_paid", "BOOLEAN", "Whether a subscription up to as_of_date cost something"),
)  # fmt: skip

MRR_MOVEMENT = run_table(
    "mrr_movement", "One row per way in which monthly recurring revenue differs from the previous run's",
    ("previous_run_id", "STRING", "Run compared with; null for the first one, to which all is new"),
    ("movement", "STRING", "new, expansion, contraction, churn (nothing now), reactivation (paid before), unchanged"),
    ("customers", "BIGINT", "Customers who went this way"),
    ("mrr_before", "DECIMAL(28,2)", "Their revenue a month in the previous run"),
    ("mrr_now", "DECIMAL(28,2)", "Their revenue a month now"),
    ("change", "DECIMAL(28,2)", "mrr_now less mrr_before; of all rows of a run it is the difference of both totals"),
)  # fmt: skip

TABLES = (MRR, MRR_MOVEMENT)
