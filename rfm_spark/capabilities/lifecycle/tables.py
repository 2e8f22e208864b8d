"""The tables of stages."""

from __future__ import annotations

from rfm_spark.capabilities.movement.tables import CAUSES
from rfm_spark.core.table import SCOPE, run_table

NOBODY = "(none)"

LIFECYCLE_RHYTHM = run_table(
    "lifecycle_rhythm", "One row: the gaps between orders that stages are told by",
    SCOPE,
    ("method", "STRING", "own: by the customer's expected gap; fixed: by days; fixed_for_want_of_gaps"),
    ("mean_gap_days", "DOUBLE", "Days between two orders of a customer of whom nothing is known"),
    ("prior_gaps", "DOUBLE", "As how many gaps of one's own it counts; null where it is all that counts"),
    ("variance_within", "DOUBLE", "Variance of the gaps of one customer, days squared"),
    ("variance_between", "DOUBLE", "Variance of the mean gaps of customers, days squared"),
    ("customers", "BIGINT", "Customers with at least one gap"),
    ("gaps", "BIGINT", "Gaps they have"),
)  # fmt: skip

PROSPECTS = run_table(
    "prospects", "One row per customer who is known and has no order",
    ("customer_id", "STRING", "Customer"),
    ("lifecycle_stage", "STRING", "prospect"),
    ("known_from", "ARRAY<STRING>", "Sources that know them, by name"),
    ("last_activity_date", "DATE", "Last visit; null where no source of events knows them"),
    ("last_known_date", "DATE", "Last as-of date at which a source told of them; they are remembered for a time"),
    ("engagement_tier", "STRING", "Tier over all channels; null where no source of messages knows them"),
    ("previous_lifecycle_stage", "STRING", "Stage in the previous run; null for who was not in it"),
    ("lifecycle_cause", "STRING", "Why it is another one now: entered, or an order that is none any more"),
)  # fmt: skip

LIFECYCLE_SUMMARY = run_table(
    "lifecycle_summary", "One row per stage that has customers",
    SCOPE,
    ("lifecycle_stage", "STRING", "Stage"),
    ("customers", "BIGINT", "Customers in it"),
    ("customers_pct", "DOUBLE", "Their share of all customers, prospects among them, 0 to 100"),
    ("revenue", "DECIMAL(28,2)", "Sum of monetary"),
    ("revenue_pct", "DOUBLE", "Its share of all revenue, 0 to 100"),
    ("mean_recency", "DOUBLE", "Mean of recency_days"),
    ("mean_frequency", "DOUBLE", "Mean of frequency"),
    ("mean_monetary", "DOUBLE", "Mean of monetary"),
    ("action", "STRING", "What the configuration suggests"),
)  # fmt: skip

LIFECYCLE_CHANGES = run_table(
    "lifecycle_changes", "One row per customer whose stage differs from the previous run's",
    SCOPE,
    ("customer_id", "STRING", "Customer"),
    ("previous_run_id", "STRING", "Run compared with"),
    ("from_stage", "STRING", f"Stage before; {NOBODY} for a customer who entered"),
    ("to_stage", "STRING", f"Stage now; {NOBODY} for a customer who left"),
    ("cause", "STRING", "Why: " + ", ".join(CAUSES[:-1])),
)  # fmt: skip

LIFECYCLE_TRANSITIONS = run_table(
    "lifecycle_transitions", "One row per pair of stages between the previous run and this one, with the diagonal",
    SCOPE,
    ("previous_run_id", "STRING", "Run compared with"),
    ("from_stage", "STRING", f"Stage before; {NOBODY} for customers who entered"),
    ("to_stage", "STRING", f"Stage now; {NOBODY} for customers who left"),
    ("customers", "BIGINT", "Customers who went this way"),
    ("share", "DOUBLE", "Their share of from_stage, 0 to 1"),
    ("low", "DOUBLE", "Lower end of the 95 % Wilson interval of share"),
    ("high", "DOUBLE", "Upper end of it"),
    ("revenue", "DECIMAL(28,2)", "Their monetary now (before, for those who left)"),
    *((cause, "BIGINT", f"Customers with cause {cause}") for cause in CAUSES),
    ("small", "BOOLEAN", "Fewer than 30 customers in from_stage: the share says little"),
)  # fmt: skip

TABLES = (LIFECYCLE_RHYTHM, PROSPECTS, LIFECYCLE_SUMMARY, LIFECYCLE_CHANGES, LIFECYCLE_TRANSITIONS)
